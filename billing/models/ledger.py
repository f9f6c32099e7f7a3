"""The books: append-only, double entry, every transaction sums to zero."""

import pgtrigger
from django.db import models
from django.db.models import Q, QuerySet, Sum

from billing.domain.postings import AccountKind, TransactionKind
from tenants.append_only import append_only, no_truncate
from tenants.domain.currency import USD
from tenants.models import Tenant

# Deferred to the commit, when all entries of the transaction are there.
_SUMS_TO_ZERO = """
IF (SELECT coalesce(sum(amount_nanos), 0) FROM billing_ledgerentry
    WHERE transaction_id = NEW.transaction_id) <> 0
THEN
    RAISE EXCEPTION 'ledger transaction % does not sum to zero', NEW.transaction_id
        USING ERRCODE = 'check_violation';
END IF;
RETURN NULL;
"""
_HAS_ENTRIES = """
IF NOT EXISTS (SELECT 1 FROM billing_ledgerentry WHERE transaction_id = NEW.id) THEN
    RAISE EXCEPTION 'ledger transaction % has no entries', NEW.id
        USING ERRCODE = 'check_violation';
END IF;
RETURN NULL;
"""


def _at_commit(name: str, func: str) -> pgtrigger.Trigger:
    return pgtrigger.Trigger(
        name=name,
        when=pgtrigger.After,
        operation=pgtrigger.Insert,
        timing=pgtrigger.Deferred,
        func=func,
    )


class LedgerAccount(models.Model):
    """A place of value. Its balance is the sum of its entries (`read_balances`)."""

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="ledger_accounts")
    currency = models.CharField(max_length=3, default=USD, db_default=USD)
    """The tenant's, by a key together (migration): the first booking settles it."""
    kind = models.CharField(
        max_length=16, choices=[(kind.value, kind.value) for kind in AccountKind]
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "kind"], name="ledger_account_once_per_tenant"
            ),
            models.UniqueConstraint(
                fields=["id", "tenant"], name="ledger_account_of_tenant"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=[kind.value for kind in AccountKind]),
                name="ledger_account_kind_known",
            ),
        ]
        triggers = [*append_only(), no_truncate()]


class LedgerTransaction(models.Model):
    """Entries that belong together and sum to zero."""

    tenant = models.ForeignKey(
        Tenant, models.PROTECT, related_name="ledger_transactions"
    )
    kind = models.CharField(
        max_length=32, choices=[(kind.value, kind.value) for kind in TransactionKind]
    )
    reference = models.CharField(max_length=100, unique=True)
    """Idempotency key: names the one act that it books."""
    booked_at = models.DateTimeField()
    """When it takes effect."""

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["id", "tenant"], name="ledger_transaction_of_tenant"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=[kind.value for kind in TransactionKind]),
                name="ledger_transaction_kind_known",
            ),
        ]
        indexes = [
            models.Index(
                fields=["tenant", "booked_at"], name="ledger_transaction_by_time"
            )
        ]
        triggers = [
            *append_only(),
            no_truncate(),
            _at_commit("has_entries", _HAS_ENTRIES),
        ]

    def __str__(self) -> str:
        return self.reference


class LedgerEntryQuerySet(QuerySet["LedgerEntry"]):
    def balance_nanos(self) -> int:
        """Debits less credits."""
        return int(self.aggregate(total=Sum("amount_nanos"))["total"] or 0)


class LedgerEntry(models.Model):
    """One side of a transaction: a debit is positive, a credit negative."""

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="ledger_entries")
    transaction = models.ForeignKey(
        LedgerTransaction, models.PROTECT, related_name="entries", db_constraint=False
    )
    account = models.ForeignKey(
        LedgerAccount, models.PROTECT, related_name="entries", db_constraint=False
    )
    """Both guarded by a key together with the tenant (migration 0002)."""
    amount_nanos = models.BigIntegerField()

    objects = LedgerEntryQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=~Q(amount_nanos=0), name="ledger_entry_not_zero"
            )
        ]
        indexes = [
            models.Index(fields=["account", "id"], name="ledger_entry_of_account")
        ]
        triggers = [
            *append_only(),
            no_truncate(),
            _at_commit("sums_to_zero", _SUMS_TO_ZERO),
        ]


class LedgerBalance(models.Model):
    """A cache: what the entries of an account up to one of them come to. Rows may be
    deleted at any time; nothing but the time that a balance takes changes.
    """

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="ledger_balances")
    account = models.OneToOneField(
        LedgerAccount, models.PROTECT, related_name="balance", db_constraint=False
    )
    """Guarded by a key together with the tenant."""
    up_to = models.BigIntegerField()
    """Id of the last entry in it. The entries of a tenant are written under its lock,
    so none with a lower id can come later."""
    amount_nanos = models.BigIntegerField()
