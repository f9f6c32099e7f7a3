"""What is owed: invoices, their lines, and the numbers they get when issued."""

from typing import Self

from django.db import models
from django.db.models import Case, F, Q, QuerySet, Value, When

from billing.domain.charges import ChargeKind
from billing.domain.invoice import InvoiceStatus
from billing.domain.rating import METER_NAMES
from billing.models.final_documents import (
    final_once_issued,
    lines_of_drafts_only,
    totals_are_the_lines,
)
from billing.models.prices import PriceVersion
from billing.models.taxes import LegalEntity
from tenants.append_only import no_truncate
from tenants.domain.currency import USD
from tenants.models import Tenant

_STATUSES = [status.value for status in InvoiceStatus]

# What an issued invoice says never changes; only what became of it does. A payment that
# the bank takes back makes a paid one owed again.
_INVOICE_IS_FINAL = """
IF TG_OP = 'INSERT' THEN
    IF NEW.status = 'draft' THEN RETURN NEW; END IF;
ELSIF TG_OP = 'DELETE' THEN
    IF OLD.status = 'draft' THEN RETURN OLD; END IF;
ELSIF OLD.status = 'draft' AND NEW.status IN ('draft', 'issued')
    OR (OLD.status, NEW.status) IN (
            ('issued', 'paid'), ('issued', 'void'), ('issued', 'uncollectible'),
            ('uncollectible', 'paid'), ('paid', 'issued'))
        AND to_jsonb(NEW) - 'status' - 'settled_at'
            = to_jsonb(OLD) - 'status' - 'settled_at'
THEN
    RETURN NEW;
END IF;
RAISE EXCEPTION 'an invoice starts as a draft and is final once issued: % refused',
    TG_OP USING ERRCODE = 'restrict_violation';
"""
_LINES_OF_DRAFTS_ONLY = lines_of_drafts_only(
    table="billing_invoice", column="invoice_id", document="invoice"
)


class Invoice(models.Model):
    """What a tenant owes for the part of a month that no earlier invoice billed."""

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="invoices")
    currency = models.CharField(max_length=3, default=USD, db_default=USD)
    """The tenant's, by a key together (migration), as on all that follows."""
    period_start = models.DateTimeField()
    """The begin of the calendar month (UTC)."""
    period_end = models.DateTimeField()
    """The end of the month, or earlier if it was issued for a part; exclusive."""
    status = models.CharField(
        max_length=16,
        choices=[(status, status) for status in _STATUSES],
        default=InvoiceStatus.DRAFT.value,
    )
    number = models.CharField(max_length=30, unique=True, null=True, blank=True)
    """`TF-2026-000001`, without gaps per year of issue; null: a draft."""
    issued_at = models.DateTimeField(null=True, blank=True)
    """Null: a draft."""
    due_at = models.DateTimeField(null=True, blank=True)
    """When it is to be paid; null: a draft."""
    settled_at = models.DateTimeField(null=True, blank=True)
    """When it was paid, voided or given up; null: it is open."""
    legal_entity = models.ForeignKey(
        LegalEntity, models.PROTECT, null=True, blank=True, related_name="invoices"
    )
    """Who issued it; null: a draft."""
    seller = models.JSONField(null=True, blank=True)
    """Name, address and numbers as they were at issue; null: a draft."""
    buyer = models.JSONField(null=True, blank=True)
    """The same of the tenant."""
    lines_cents = models.BigIntegerField(default=0)
    """The sum of the lines, each rounded to cents."""
    tax_cents = models.BigIntegerField(default=0)
    is_tax_inclusive = models.BooleanField(default=False)
    """The lines include the tax."""
    total_cents = models.BigIntegerField(default=0)
    """What is owed, with tax."""
    credit_applied_cents = models.BigIntegerField(default=0)
    """What prepaid credit paid of it when it was issued."""
    total_nanos = models.BigIntegerField(default=0)
    """The sum of the lines before rounding."""
    charged_nanos = models.BigIntegerField(default=0)
    """What the money limits were charged for the usage that it bills."""
    merkle_root = models.CharField(max_length=64, blank=True)
    """Of the receipts of what it bills, hexadecimal; empty: a draft."""
    receipt_count = models.BigIntegerField(default=0)
    receipt_from = models.BigIntegerField(null=True, blank=True)
    """The first of the tenant's receipts that may be of this invoice; null: none is."""
    receipt_to = models.BigIntegerField(null=True, blank=True)
    """The last one."""
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
                condition=Q(
                    total_nanos__gte=0,
                    lines_cents__gte=0,
                    tax_cents__gte=0,
                    charged_nanos__gte=0,
                    credit_applied_cents__gte=0,
                    credit_applied_cents__lte=F("total_cents"),
                ),
                name="invoice_totals_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(is_tax_inclusive=True, total_cents=F("lines_cents"))
                | Q(
                    is_tax_inclusive=False,
                    total_cents=F("lines_cents") + F("tax_cents"),
                ),
                name="invoice_total_adds_up",
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
            models.Index(
                fields=["due_at"],
                condition=Q(status="issued"),
                name="invoice_open_by_due_time",
            ),
        ]
        triggers = [
            final_once_issued(_INVOICE_IS_FINAL),
            totals_are_the_lines(
                document="invoice",
                alias="i",
                rows="billing_invoice i LEFT JOIN billing_lineitem l"
                " ON l.invoice_id = i.id",
            ),
            no_truncate(),
        ]

    def __str__(self) -> str:
        return self.number or f"draft of {self.period_start:%Y-%m}"


class LineItemQuerySet(QuerySet["LineItem"]):
    def in_order(self) -> Self:
        """As printed: plans, then usage by model, price version, and the meters as
        prices list them, then what follows from those.
        """
        kinds = [When(kind=kind, then=Value(n)) for n, kind in enumerate(ChargeKind)]
        places = [
            When(meter=name, then=Value(place))
            for place, name in enumerate(METER_NAMES)
        ]
        return self.order_by(
            Case(*kinds), "model", "price_version_id", Case(*places), "key"
        )


class LineItem(models.Model):
    """One charge of a month, or the part of it that no earlier invoice billed; rounded
    to cents once, here.
    """

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="line_items")
    invoice = models.ForeignKey(
        Invoice, models.CASCADE, related_name="lines", db_constraint=False
    )
    """Guarded by a key together with the tenant (migration 0002)."""
    key = models.CharField(max_length=60)
    """What is added up before it is rounded: `usage:<price version>:<meter>`,
    `plan:<subscription>`; the same on each invoice of a month."""
    kind = models.CharField(
        max_length=16, choices=[(kind.value, kind.value) for kind in ChargeKind]
    )
    description = models.CharField(max_length=200, blank=True)
    """What is charged, for people; empty: model and meter say it."""
    model = models.CharField(max_length=100, blank=True)
    """Public name of the served model, as printed; empty: it is no usage."""
    meter = models.CharField(max_length=32, blank=True)
    """Empty: it is no usage."""
    price_version = models.ForeignKey(
        PriceVersion,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="line_items",
    )
    """Null: it is no usage."""
    quantity = models.BigIntegerField()
    """Tokens, images or MB_s, as the meter says; of a plan, seconds; else 1."""
    included_quantity = models.BigIntegerField(default=0)
    """The part of it that a plan includes."""
    rate_nanos_per_million = models.BigIntegerField(null=True, blank=True)
    """Null: it is not a rate that decides."""
    gross_nanos = models.BigIntegerField()
    """Before discounts."""
    discount_nanos = models.BigIntegerField(default=0)
    amount_nanos = models.BigIntegerField()
    """What the month's charge comes to, less what issued invoices billed of it."""
    amount_cents = models.BigIntegerField()

    objects = LineItemQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["invoice", "key"], name="line_item_once_per_invoice"
            ),
            models.UniqueConstraint(
                fields=["id", "tenant"], name="line_item_of_tenant"
            ),
            models.CheckConstraint(
                condition=Q(
                    quantity__gte=0,
                    included_quantity__gte=0,
                    included_quantity__lte=F("quantity"),
                    gross_nanos__gte=0,
                    discount_nanos__gte=0,
                    amount_nanos__gte=0,
                    amount_cents__gte=0,
                ),
                name="line_item_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(amount_nanos=F("gross_nanos") - F("discount_nanos")),
                name="line_item_adds_up",
            ),
            # billing.domain.money.cents, said once more where nobody can pass it by.
            models.CheckConstraint(
                condition=Q(amount_cents=(F("amount_nanos") + 5_000_000) / 10_000_000),
                name="line_item_rounded_half_up",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=[kind.value for kind in ChargeKind]),
                name="line_item_kind_known",
            ),
            models.CheckConstraint(
                condition=Q(
                    kind="usage", meter__in=METER_NAMES, price_version__isnull=False
                )
                | (~Q(kind="usage") & Q(meter="", price_version=None)),
                name="line_item_meter_known",
            ),
        ]
        triggers = [
            _LINES_OF_DRAFTS_ONLY,
            no_truncate(),
        ]


class TaxCategory(models.TextChoices):
    """Of EN 16931 (UNTDID 5305)."""

    STANDARD = "S"
    ZERO = "Z"
    REVERSE_CHARGE = "AE"
    EXPORT = "G"
    EXEMPT = "E"
    OUTSIDE_SCOPE = "O"


class InvoiceTax(models.Model):
    """The tax of one category and rate on an invoice; rounded once, here."""

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="invoice_taxes")
    invoice = models.ForeignKey(
        Invoice, models.CASCADE, related_name="taxes", db_constraint=False
    )
    """Guarded by a key together with the tenant (migration)."""
    category = models.CharField(max_length=2, choices=TaxCategory)
    rate_basis_points = models.PositiveIntegerField()
    """1,900 is 19 %."""
    country = models.CharField(max_length=2, blank=True)
    """Whose tax it is; empty: nobody's."""
    taxable_cents = models.BigIntegerField()
    """Without the tax."""
    tax_cents = models.BigIntegerField()
    reason = models.CharField(max_length=200, blank=True)
    """Why there is none, as the law wants it printed; empty: there is."""

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["invoice", "category", "rate_basis_points"],
                name="invoice_tax_once",
            ),
            models.CheckConstraint(
                condition=Q(taxable_cents__gte=0, tax_cents__gte=0)
                & Q(category__in=TaxCategory.values),
                name="invoice_tax_not_negative",
            ),
        ]
        triggers = [
            _LINES_OF_DRAFTS_ONLY,
            no_truncate(),
        ]


class DocumentNumber(models.Model):
    """The last number given in a series and year; its row lock makes the numbers
    gapless.
    """

    series = models.CharField(max_length=20)
    """The prefix of the numbers, which is of one legal entity: `TF`, `TF-CN`."""
    year = models.PositiveSmallIntegerField()
    """Of `issued_at`, UTC."""
    last_number = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["series", "year"], name="document_number_once"
            )
        ]
