"""Book one act in the ledger."""

from collections.abc import Sequence
from datetime import datetime

from billing.domain.postings import AccountKind, Posting, TransactionKind
from billing.models.ledger import LedgerAccount, LedgerEntry, LedgerTransaction
from billing.services.ledger.currency_of import currency_of


def post_transaction(
    postings: Sequence[Posting],
    *,
    tenant_id: int,
    kind: TransactionKind,
    reference: str,
    booked_at: datetime,
) -> LedgerTransaction | None:
    """Books `postings`; nothing (None) if there are none.

    `reference` names the act: a second transaction with it raises IntegrityError, and
    so does one that does not sum to zero, at commit. The caller holds the tenant's
    lock and books in the transaction that does what is booked.
    """
    if not postings:
        return None
    transaction = LedgerTransaction.objects.create(
        tenant_id=tenant_id, kind=kind, reference=reference, booked_at=booked_at
    )
    accounts = _accounts(tenant_id)
    LedgerEntry.objects.bulk_create(
        LedgerEntry(
            tenant_id=tenant_id,
            transaction=transaction,
            account_id=accounts[posting.account],
            amount_nanos=posting.amount_nanos,
        )
        for posting in postings
    )
    return transaction


def _accounts(tenant_id: int) -> dict[str, int]:
    """Account ids by kind; makes those that are missing."""
    accounts = LedgerAccount.objects.filter(tenant_id=tenant_id)
    known = dict(accounts.values_list("kind", "pk"))
    missing = [kind.value for kind in AccountKind if kind not in known]
    if missing:
        currency = currency_of(tenant_id)
        made = LedgerAccount.objects.bulk_create(
            LedgerAccount(tenant_id=tenant_id, currency=currency, kind=kind)
            for kind in missing
        )
        known |= {account.kind: account.pk for account in made}
    return known
