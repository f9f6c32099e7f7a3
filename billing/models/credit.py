"""What tenants were given to spend, and where it went."""

from typing import TYPE_CHECKING, TypedDict, cast

import pgtrigger
from django.db import models
from django.db.models import F, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce

from billing.domain.credit import PRIORITY_MAX, CreditKind
from billing.models.invoices import Invoice
from billing.models.ledger import LedgerTransaction
from tenants.append_only import append_only, no_truncate
from tenants.domain.limits import AMOUNT_MAX
from tenants.models import Tenant

if TYPE_CHECKING:
    from django_stubs_ext import WithAnnotations

_KINDS = [kind.value for kind in CreditKind]
# The lock: two who spend the same grant come one after the other.
_NO_MORE_THAN_GRANTED = """
PERFORM 1 FROM billing_creditgrant WHERE id = NEW.grant_id FOR NO KEY UPDATE;
IF EXISTS (
    SELECT 1 FROM billing_creditgrant g,
        LATERAL (SELECT coalesce(sum(amount_nanos), 0) AS amount
            FROM billing_creditdraw WHERE grant_id = g.id) d,
        LATERAL (SELECT coalesce(sum(amount_nanos), 0) AS amount
            FROM billing_creditexpiry WHERE grant_id = g.id) e,
        LATERAL (SELECT coalesce(sum(amount_nanos), 0) AS amount
            FROM billing_creditwithdrawal WHERE grant_id = g.id) w
    WHERE g.id = NEW.grant_id
        AND (d.amount < 0 OR d.amount + e.amount + w.amount > g.amount_nanos))
THEN
    RAISE EXCEPTION 'no more than was granted leaves credit grant %', NEW.grant_id
        USING ERRCODE = 'check_violation';
END IF;
RETURN NULL;
"""


def _guards() -> list[pgtrigger.Trigger]:
    """Of a table whose rows say what left a grant."""
    return [
        *append_only(),
        no_truncate(),
        pgtrigger.Trigger(
            name="no_more_than_granted",
            when=pgtrigger.After,
            operation=pgtrigger.Insert,
            func=_NO_MORE_THAN_GRANTED,
        ),
    ]


class WhereItWent(TypedDict):
    """Nanos; `remaining` is the grant's amount less the others."""

    drawn: int
    expired: int
    withdrawn: int
    remaining: int


class CreditGrantQuerySet(QuerySet["CreditGrant"]):
    def with_remaining(self) -> "QuerySet[WithAnnotations[CreditGrant, WhereItWent]]":
        """Each row also says where it went."""
        sums = {
            name: Coalesce(Subquery(_sum_of_grant(rows)), 0)
            for name, rows in (
                ("drawn", CreditDraw.objects.all()),
                ("expired", CreditExpiry.objects.all()),
                ("withdrawn", CreditWithdrawal.objects.all()),
            )
        }
        left = F("amount_nanos") - F("drawn") - F("expired") - F("withdrawn")
        rows = self.annotate(**sums).annotate(remaining=left)
        return cast("QuerySet[WithAnnotations[CreditGrant, WhereItWent]]", rows)


def _sum_of_grant(rows: QuerySet[models.Model]) -> QuerySet[models.Model, int]:
    of_grant = rows.filter(grant=OuterRef("pk")).order_by().values("grant")
    total: QuerySet[models.Model, int] = of_grant.values_list(
        Sum("amount_nanos"), flat=True
    )
    return total


class CreditGrant(models.Model):
    """Credit given once, and why; the value itself is in the ledger.

    What is left of it is a sum (`with_remaining`), which is stored nowhere.
    """

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="credit_grants")
    transaction = models.OneToOneField(
        LedgerTransaction, models.PROTECT, db_constraint=False
    )
    """Guarded by a key together with the tenant (migration 0004)."""
    idempotency_key = models.CharField(max_length=70)
    """Names the one act for whoever repeats it."""
    kind = models.CharField(max_length=16, choices=[(kind, kind) for kind in _KINDS])
    priority = models.PositiveSmallIntegerField()
    """The lowest is spent first."""
    amount_nanos = models.BigIntegerField()
    reason = models.CharField(max_length=200)
    granted_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True, blank=True)
    """The first instant at which no call may use it; null: it never expires."""

    objects = CreditGrantQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "idempotency_key"], name="credit_grant_once"
            ),
            models.UniqueConstraint(
                fields=["id", "tenant"], name="credit_grant_of_tenant"
            ),
            models.CheckConstraint(
                condition=Q(amount_nanos__gt=0, amount_nanos__lte=AMOUNT_MAX),
                name="credit_grant_amount_in_range",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=_KINDS), name="credit_grant_kind_known"
            ),
            models.CheckConstraint(
                condition=Q(priority__lte=PRIORITY_MAX),
                name="credit_grant_priority_in_range",
            ),
            models.CheckConstraint(
                condition=Q(expires_at=None) | Q(expires_at__gt=F("granted_at")),
                name="credit_grant_expires_after_it_began",
            ),
        ]
        indexes = [
            models.Index(
                fields=["expires_at"],
                condition=Q(expires_at__isnull=False),
                name="credit_grant_by_expiry",
            )
        ]
        triggers = [*append_only(), no_truncate()]

    def __str__(self) -> str:
        return self.idempotency_key


class CreditDraw(models.Model):
    """What an invoice took from a grant; below zero: it returned, for the invoice was
    voided.
    """

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="credit_draws")
    grant = models.ForeignKey(
        CreditGrant, models.PROTECT, related_name="draws", db_constraint=False
    )
    invoice = models.ForeignKey(
        Invoice, models.PROTECT, related_name="credit_draws", db_constraint=False
    )
    """Both guarded by a key together with the tenant."""
    amount_nanos = models.BigIntegerField()
    drawn_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=~Q(amount_nanos=0), name="credit_draw_not_zero"
            ),
            # An invoice draws once, and what it drew returns once.
            models.UniqueConstraint(
                fields=["grant", "invoice"],
                condition=Q(amount_nanos__gt=0),
                name="credit_draw_once",
            ),
            models.UniqueConstraint(
                fields=["grant", "invoice"],
                condition=Q(amount_nanos__lt=0),
                name="credit_draw_returned_once",
            ),
        ]
        triggers = _guards()


class CreditExpiry(models.Model):
    """What was left of a grant, and used by no call, when it expired. A second row of a
    grant is about credit that calls had used, but for which no invoice asked.
    """

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="credit_expiries")
    grant = models.ForeignKey(
        CreditGrant, models.PROTECT, related_name="expiries", db_constraint=False
    )
    """Guarded by a key together with the tenant."""
    amount_nanos = models.BigIntegerField()
    expired_at = models.DateTimeField()
    """When it was booked; its end is the grant's `expires_at`."""

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(amount_nanos__gt=0), name="credit_expiry_positive"
            )
        ]
        triggers = _guards()


class CreditWithdrawal(models.Model):
    """A part of a grant that was taken back before it was used, and why."""

    tenant = models.ForeignKey(
        Tenant, models.PROTECT, related_name="credit_withdrawals"
    )
    grant = models.ForeignKey(
        CreditGrant, models.PROTECT, related_name="withdrawals", db_constraint=False
    )
    """Guarded by a key together with the tenant."""
    amount_nanos = models.BigIntegerField()
    reason = models.CharField(max_length=200)
    idempotency_key = models.CharField(max_length=70)
    """Names the one act for whoever repeats it."""
    withdrawn_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(amount_nanos__gt=0), name="credit_withdrawal_positive"
            ),
            models.UniqueConstraint(
                fields=["tenant", "idempotency_key"], name="credit_withdrawal_once"
            ),
        ]
        triggers = _guards()
