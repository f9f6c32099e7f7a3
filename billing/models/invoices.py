"""What is owed: invoices, their lines, and the numbers they get when issued."""

from typing import Self

import pgtrigger
from django.db import models
from django.db.models import Case, F, Q, QuerySet, Value, When

from billing.domain.invoice import InvoiceStatus
from billing.domain.rating import METER_NAMES
from billing.models.prices import PriceVersion
from tenants.append_only import no_truncate
from tenants.models import Tenant

_STATUSES = [status.value for status in InvoiceStatus]

# What an issued invoice says never changes; only whether it was paid or voided does.
_INVOICE_IS_FINAL = """
IF TG_OP = 'INSERT' THEN
    IF NEW.status = 'draft' THEN RETURN NEW; END IF;
ELSIF TG_OP = 'DELETE' THEN
    IF OLD.status = 'draft' THEN RETURN OLD; END IF;
ELSIF OLD.status = 'draft' AND NEW.status IN ('draft', 'issued')
    OR OLD.status = 'issued' AND NEW.status IN ('paid', 'void')
        AND to_jsonb(NEW) - 'status' = to_jsonb(OLD) - 'status'
THEN
    RETURN NEW;
END IF;
RAISE EXCEPTION 'an invoice starts as a draft and is final once issued: % refused',
    TG_OP USING ERRCODE = 'restrict_violation';
"""
_TOTALS_ARE_THE_LINES = """
IF EXISTS (
    SELECT 1 FROM billing_invoice i LEFT JOIN billing_lineitem l ON l.invoice_id = i.id
    WHERE i.id = NEW.id GROUP BY i.id
    HAVING i.total_nano_usd <> coalesce(sum(l.amount_nano_usd), 0)
        OR i.total_cents <> coalesce(sum(l.amount_cents), 0))
THEN
    RAISE EXCEPTION 'the totals of invoice % are not the sums of its lines', NEW.id
        USING ERRCODE = 'check_violation';
END IF;
RETURN NULL;
"""
# FOR SHARE: a line cannot slip in beside an issue that has not committed yet.
_LINES_OF_DRAFTS_ONLY = """
IF TG_OP <> 'INSERT' THEN
    PERFORM 1 FROM billing_invoice
        WHERE id = OLD.invoice_id AND status <> 'draft' FOR SHARE;
    IF FOUND THEN
        RAISE EXCEPTION 'the lines of an issued invoice are final: % refused', TG_OP
            USING ERRCODE = 'restrict_violation';
    END IF;
END IF;
IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
PERFORM 1 FROM billing_invoice
    WHERE id = NEW.invoice_id AND status <> 'draft' FOR SHARE;
IF FOUND THEN
    RAISE EXCEPTION 'the lines of an issued invoice are final: % refused', TG_OP
        USING ERRCODE = 'restrict_violation';
END IF;
RETURN NEW;
"""


class Invoice(models.Model):
    """What a tenant owes for the part of a month that no earlier invoice billed."""

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="invoices")
    period_start = models.DateTimeField()
    """The begin of the calendar month (UTC)."""
    period_end = models.DateTimeField()
    """The end of the month, or earlier if it was issued for a part; exclusive."""
    status = models.CharField(
        max_length=8,
        choices=[(status, status) for status in _STATUSES],
        default=InvoiceStatus.DRAFT.value,
    )
    number = models.CharField(max_length=20, unique=True, null=True, blank=True)
    """`TF-2026-000001`, without gaps per year of issue; null: a draft."""
    issued_at = models.DateTimeField(null=True, blank=True)
    """Null: a draft."""
    total_cents = models.BigIntegerField(default=0)
    """What is owed: the sum of the lines, each rounded to cents."""
    total_nano_usd = models.BigIntegerField(default=0)
    """The sum of the lines before rounding."""
    refreshed_at = models.DateTimeField()
    """When its lines last changed."""

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "period_start"],
                condition=Q(status="draft"),
                name="invoice_one_draft_per_month",
            ),
            models.UniqueConstraint(fields=["id", "tenant"], name="invoice_of_tenant"),
            models.CheckConstraint(
                condition=Q(status__in=_STATUSES), name="invoice_status_known"
            ),
            models.CheckConstraint(
                condition=Q(status="draft", number=None, issued_at=None)
                | (
                    ~Q(status="draft")
                    & Q(number__isnull=False, issued_at__isnull=False)
                ),
                name="invoice_numbered_when_issued",
            ),
            models.CheckConstraint(
                condition=Q(period_end__gt=F("period_start")),
                name="invoice_period_not_empty",
            ),
            models.CheckConstraint(
                condition=Q(total_cents__gte=0, total_nano_usd__gte=0),
                name="invoice_totals_not_negative",
            ),
        ]
        indexes = [
            models.Index(
                fields=["tenant", "-period_start", "-id"], name="invoice_of_month"
            ),
            models.Index(
                fields=["period_end"],
                condition=Q(status="draft"),
                name="invoice_drafts_by_end",
            ),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="final_once_issued",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update | pgtrigger.Delete,
                func=_INVOICE_IS_FINAL,
            ),
            pgtrigger.Trigger(
                name="totals_are_the_lines",
                when=pgtrigger.After,
                operation=pgtrigger.Insert | pgtrigger.Update,
                timing=pgtrigger.Deferred,
                func=_TOTALS_ARE_THE_LINES,
            ),
            no_truncate(),
        ]

    def __str__(self) -> str:
        return self.number or f"draft of {self.period_start:%Y-%m}"


class LineItemQuerySet(QuerySet["LineItem"]):
    def in_order(self) -> Self:
        """As printed: by model, price version, and the meters as prices list them."""
        places = [
            When(meter=name, then=Value(place))
            for place, name in enumerate(METER_NAMES)
        ]
        return self.order_by("model", "price_version_id", Case(*places))


class LineItem(models.Model):
    """One meter of one model under one price version; rounded to cents once, here."""

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="line_items")
    invoice = models.ForeignKey(
        Invoice, models.CASCADE, related_name="lines", db_constraint=False
    )
    """Guarded by a key together with the tenant (migration 0002)."""
    model = models.CharField(max_length=100)
    """Public name of the served model, as printed."""
    meter = models.CharField(max_length=32)
    price_version = models.ForeignKey(
        PriceVersion, models.PROTECT, related_name="line_items"
    )
    quantity = models.BigIntegerField()
    """Tokens, images or MB_s, as the meter says."""
    rate_nano_usd_per_million = models.BigIntegerField()
    amount_nano_usd = models.BigIntegerField()
    """What the month's whole quantity comes to, less what issued invoices billed."""
    amount_cents = models.BigIntegerField()

    objects = LineItemQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["invoice", "price_version", "meter"],
                name="line_item_once_per_invoice",
            ),
            models.CheckConstraint(
                condition=Q(
                    quantity__gt=0,
                    rate_nano_usd_per_million__gte=0,
                    amount_nano_usd__gte=0,
                    amount_cents__gte=0,
                ),
                name="line_item_not_negative",
            ),
            # billing.domain.money.cents, said once more where nobody can pass it by.
            models.CheckConstraint(
                condition=Q(
                    amount_cents=(F("amount_nano_usd") + 5_000_000) / 10_000_000
                ),
                name="line_item_rounded_half_up",
            ),
            models.CheckConstraint(
                condition=Q(meter__in=METER_NAMES), name="line_item_meter_known"
            ),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="final_once_issued",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update | pgtrigger.Delete,
                func=_LINES_OF_DRAFTS_ONLY,
            ),
            no_truncate(),
        ]


class InvoiceNumber(models.Model):
    """The last number given in a year; its row lock makes the numbers gapless."""

    year = models.PositiveSmallIntegerField(primary_key=True)
    """Of `issued_at`, UTC."""
    last_number = models.PositiveIntegerField()
