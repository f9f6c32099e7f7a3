"""Keep what is booked as given up of an invoice equal to what is due of it."""

from datetime import datetime

from billing.domain.money import nanos
from billing.domain.postings import AccountKind, TransactionKind, written_off
from billing.models.invoices import Invoice
from billing.models.ledger import LedgerEntry, LedgerTransaction
from billing.services.ledger.post_transaction import post_transaction


def book_write_off(invoice: Invoice, *, due_cents: int, now: datetime) -> None:
    """Books the difference to what was given up of it before, if there is one: all of
    it at first, and back when money comes after all.

    The caller holds the tenant's lock.
    """
    prefix = f"write_off:{invoice.pk}:"
    before = LedgerTransaction.objects.filter(
        tenant_id=invoice.tenant_id, reference__startswith=prefix
    )
    booked = LedgerEntry.objects.filter(
        transaction__in=before, account__kind=AccountKind.UNCOLLECTIBLE
    ).balance_nanos()
    post_transaction(
        written_off(nanos(max(0, due_cents)) - booked),
        tenant_id=invoice.tenant_id,
        kind=TransactionKind.INVOICE_WRITTEN_OFF,
        reference=f"{prefix}{before.count() + 1}",
        booked_at=now,
    )
