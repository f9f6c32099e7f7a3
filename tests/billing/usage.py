"""Prices and rollups for tests of billing."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from django.db.models import F, QuerySet, Sum

from billing.domain.invoice import InvoiceStatus
from billing.domain.postings import AccountKind
from billing.models.credit import (
    CreditDraw,
    CreditExpiry,
    CreditGrant,
    CreditWithdrawal,
)
from billing.models.credit_notes import CreditNote, CreditNoteLine
from billing.models.invoices import Invoice, LineItem
from billing.models.ledger import LedgerEntry
from billing.models.payments import Payment, Refund
from billing.models.price_books import PriceBook
from billing.models.prices import PriceVersion
from billing.models.rating import BillingPeriod, RatedCharge
from billing.services.invoices.settle_invoice import due_cents
from inference.models import ServedModel
from metering.coarse_models import UsageDay, UsageHour
from metering.domain.usage import QUANTITY_MAX
from metering.lease_models import LeaseInterval
from metering.models import UsageEvent, UsageRollup
from metering.receipt_models import UnsealedHour
from metering.wire import Outcome, UsageSource
from tenants.models import Tenant
from tests.factories import make_served_model

NOVEMBER = datetime(2026, 11, 1, tzinfo=UTC)
DECEMBER = datetime(2026, 12, 1, tzinfo=UTC)
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
NANOS_PER_CENT = 10_000_000
COUNTS = (
    "input_tokens",
    "cached_input_tokens",
    "cache_write_tokens",
    "output_tokens",
    "reasoning_tokens",
)
FIELDS = {
    "new_input_tokens": ("input_tokens",),
    "cached_input_tokens": ("input_tokens", "cached_input_tokens"),
    "leased_input_tokens": ("input_tokens", "leased_input_tokens"),
    "output_tokens": ("output_tokens",),
    "images": ("images",),
}
"""Meter -> the fields of an event that show on it."""


def make_price(
    served_model: ServedModel | None = None,
    *,
    rates=(100_000, 20_000, 400_000),
    **fields,
) -> PriceVersion:
    """`rates` in micro-USD per million new, cached, output tokens."""
    new_input, cached_input, output = (rate * 1_000 for rate in rates)
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    return PriceVersion.objects.create(
        served_model=served_model or make_served_model(),
        new_input_nanos_per_million=new_input,
        cached_input_nanos_per_million=cached_input,
        output_nanos_per_million=output,
        **{
            "price_book": PriceBook.objects.list_book(),
            "effective_from": begin,
            "created_at": begin,
            **fields,
        },
    )


def use(
    tenant: Tenant,
    price: PriceVersion,
    quantity: int,
    *,
    hour_at: datetime = NOON,
    meter: str = "output_tokens",
    **fields,
) -> None:
    """`quantity` more tokens of that hour: the event, and what the roll-up shows."""
    dimension = {
        "tenant_id": tenant.pk,
        "project_id": 1,
        "api_key_id": 1,
        "model": price.served_model.name,
        "meter": meter,
        "price_version_id": price.pk,
        "hour_at": hour_at,
        **fields,
    }
    row = UsageRollup.objects.filter(**dimension).first()
    before = row.quantity if row else 0
    UsageRollup.objects.update_or_create(
        **dimension, defaults={"quantity": before + quantity, "event_count": 1}
    )
    _sum_up(quantity, **dimension)
    if quantity <= 100 * QUANTITY_MAX:  # else no number of events would do
        _store(quantity, **dimension)


def _sum_up(quantity: int, *, meter: str, hour_at: datetime, **dimension) -> None:
    """The coarser rollups, of the key's day and of the hour."""
    day, _ = UsageDay.objects.get_or_create(
        day_at=hour_at.astimezone(UTC).replace(hour=0, minute=0), **dimension
    )
    UsageDay.objects.filter(pk=day.pk).update(**{meter: F(meter) + quantity})
    del dimension["api_key_id"]
    hour, _ = UsageHour.objects.get_or_create(
        hour_at=hour_at, endpoint="chat.completions", **dimension
    )
    UsageHour.objects.filter(pk=hour.pk).update(**{meter: F(meter) + quantity})


def _store(quantity: int, *, meter: str, hour_at: datetime, **dimension) -> None:
    """Events, or an interval, that show so much on that meter."""
    ids = {"engine_id": 1, **dimension}
    if meter.endswith("_mb_s"):
        LeaseInterval.objects.create(
            event_id=uuid4(),
            lease_id=uuid4(),
            epoch="e",
            tier=meter.removesuffix("_mb_s"),
            bytes=10**6,
            started_at=hour_at,
            ended_at=hour_at + timedelta(seconds=1),
            first_sequence=1,
            last_sequence=2,
            mb_s=quantity,
            **ids,
        )
    while quantity > 0 and meter in FIELDS:
        part = min(quantity, QUANTITY_MAX)
        counts = {**dict.fromkeys(COUNTS, 0), **dict.fromkeys(FIELDS[meter], part)}
        UsageEvent.objects.create(
            event_id=uuid4(),
            endpoint="chat.completions",
            streamed=False,
            outcome=Outcome.COMPLETED,
            usage_source=UsageSource.ENGINE,
            received_at=hour_at,
            happened_at=hour_at,
            **counts,
            **ids,
        )
        quantity -= part
    mark, _ = UnsealedHour.objects.get_or_create(
        tenant_id=ids["tenant_id"], hour_at=hour_at
    )
    UnsealedHour.objects.filter(pk=mark.pk).update(generation=F("generation") + 1)


def drafts_of(tenant: Tenant, period_start: datetime = NOVEMBER) -> QuerySet[Invoice]:
    """One at most."""
    return Invoice.objects.filter(
        tenant=tenant, period_start=period_start, status=InvoiceStatus.DRAFT
    )


def draft_of(tenant: Tenant, period_start: datetime = NOVEMBER) -> Invoice:
    return drafts_of(tenant, period_start).get()


def lines_of(invoice: Invoice) -> list[tuple[str, int, int, int]]:
    """(meter, quantity, nanos, cents) as printed."""
    return list(
        invoice.lines.in_order().values_list(
            "meter", "quantity", "amount_nanos", "amount_cents"
        )
    )


def balances(tenant: Tenant) -> dict[str, int]:
    """Nanos by kind of account; an account without entries is left out."""
    rows = LedgerEntry.objects.filter(tenant=tenant).values_list("account__kind")
    return dict(rows.annotate(total=Sum("amount_nanos")))


def check_books(tenant: Tenant) -> None:
    """What is true at every moment, whatever happened before."""
    invoices = Invoice.objects.filter(tenant=tenant).exclude(status=InvoiceStatus.VOID)
    drafts = invoices.filter(status=InvoiceStatus.DRAFT)
    issued = invoices.exclude(status=InvoiceStatus.DRAFT)
    notes = CreditNote.objects.filter(tenant=tenant)
    out, goodwill = notes.filter(status="issued"), notes.filter(kind="goodwill")
    adjustments = notes.filter(kind="adjustment")
    rated = _sum(RatedCharge.objects.filter(tenant=tenant), "amount_nanos")
    given_up = sum(
        due_cents(one) for one in issued if one.status == InvoiceStatus.UNCOLLECTIBLE
    )
    to_take_back = _sum(adjustments.filter(status="draft"), "total_nanos")
    months = BillingPeriod.objects.filter(tenant=tenant)
    covered = _sum(months, "goodwill_covered_nanos")
    assert dict.fromkeys(AccountKind, 0) | balances(tenant) == {
        "unbilled": _sum(drafts, "total_nanos") - to_take_back,
        "receivable": _owed_cents(tenant, issued, out) * NANOS_PER_CENT
        - given_up * NANOS_PER_CENT,
        "revenue": (_included_tax(issued) - _included_tax_of(out)) * NANOS_PER_CENT
        - rated,
        "rounding": _rounded(issued) - _rounded(out),
        "tax": (_sum(out, "tax_cents") - _sum(issued, "tax_cents")) * NANOS_PER_CENT,
        "adjustments": _sum(goodwill, "total_nanos") - covered,
        "uncollectible": given_up * NANOS_PER_CENT,
        **_credit_books(tenant),
    }
    billed = _sum(invoices, "total_nanos") - _sum(adjustments, "total_nanos")
    assert billed == rated + covered
    assert 0 <= covered <= _sum(goodwill, "total_nanos")
    _check_each_month(tenant)
    _check_each_invoice(issued)


def _owed_cents(tenant, issued, notes) -> int:
    """Of all invoices, given up or not; below zero: refunds that have not left yet."""
    refunds = Refund.objects.filter(tenant=tenant, status="succeeded")
    came_back = Refund.objects.filter(
        tenant=tenant, status="failed", credit_note__isnull=False
    )
    return (
        _sum(issued, "total_cents")
        - _sum(issued, "credit_applied_cents")
        - _paid_cents(tenant)
        - _sum(notes, "total_cents")
        + _sum(notes, "credited_cents")
        + _sum(refunds, "amount_cents")
        + _sum(came_back, "amount_cents")
    )


def _paid_cents(tenant) -> int:
    """For invoices; what came beyond became credit."""
    paid = Payment.objects.filter(
        tenant=tenant, status="succeeded", invoice__isnull=False
    )
    keys = [f"payment-{pk}" for pk in paid.values_list("pk", flat=True)]
    beyond = CreditGrant.objects.filter(tenant=tenant, idempotency_key__in=keys)
    return _sum(paid, "amount_cents") - _sum(beyond, "amount_nanos") // NANOS_PER_CENT


def _credit_books(tenant) -> dict[str, int]:
    of_tenant = {"tenant": tenant}
    grants = CreditGrant.objects.filter(**of_tenant)
    drawn = _sum(CreditDraw.objects.filter(**of_tenant), "amount_nanos")
    expired = _sum(CreditExpiry.objects.filter(**of_tenant), "amount_nanos")
    withdrawn = CreditWithdrawal.objects.filter(**of_tenant)
    payments = Payment.objects.filter(status="succeeded", **of_tenant)
    refunds = Refund.objects.filter(status="succeeded", **of_tenant)
    bought = grants.filter(kind="purchased")
    of_notes = Refund.objects.filter(credit_note__isnull=False, **of_tenant)
    by_hand = bought.exclude(
        idempotency_key__regex="^(payment|credit-note)-[0-9]+$"
    ).exclude(
        idempotency_key__in=[
            f"refund-failed-{pk}" for pk in of_notes.values_list("pk", flat=True)
        ]
    )
    gifts = grants.filter(kind="promotional")
    return {
        "credit": drawn
        + expired
        + _sum(withdrawn, "amount_nanos")
        - _sum(grants, "amount_nanos"),
        "funds": _sum(payments, "amount_cents") * NANOS_PER_CENT
        - _sum(refunds, "amount_cents") * NANOS_PER_CENT
        + _sum(by_hand, "amount_nanos")
        - _sum(withdrawn.filter(grant__kind="purchased"), "amount_nanos"),
        "promotions": _sum(gifts, "amount_nanos")
        - _sum(withdrawn.filter(grant__kind="promotional"), "amount_nanos"),
        "breakage": -expired,
    }


def _included_tax(invoices) -> int:
    return _sum(invoices.filter(is_tax_inclusive=True), "tax_cents")


def _included_tax_of(notes) -> int:
    return _sum(notes.filter(invoice__is_tax_inclusive=True), "tax_cents")


def _rounded(documents) -> int:
    """What rounding took from us."""
    return (
        _sum(documents, "total_nanos") - _sum(documents, "lines_cents") * NANOS_PER_CENT
    )


def _check_each_month(tenant: Tenant) -> None:
    for period in BillingPeriod.objects.filter(tenant=tenant):
        for key, quantity in period.charges.values_list("key", "quantity"):
            lines = LineItem.objects.filter(key=key, invoice__in=_of(period))
            taken = CreditNoteLine.objects.filter(
                line__key=key,
                line__invoice__in=_of(period),
                credit_note__kind="adjustment",
            )
            assert _sum(lines, "quantity") - _sum(taken, "quantity") == quantity


def _check_each_invoice(issued) -> None:
    for invoice in issued:
        notes = invoice.credit_notes.filter(status="issued")
        left = invoice.lines_cents - _sum(notes, "lines_cents")
        left_tax = invoice.tax_cents - _sum(notes, "tax_cents")
        assert left >= 0
        assert left_tax >= 0
        if left == 0:
            assert left_tax == 0
        is_paid = due_cents(invoice) <= 0
        assert is_paid == (invoice.status == InvoiceStatus.PAID)


def _of(period: BillingPeriod) -> QuerySet[Invoice]:
    """What bills the month, or is going to."""
    invoices = Invoice.objects.filter(
        tenant=period.tenant, period_start=period.starts_at
    )
    return invoices.exclude(status=InvoiceStatus.VOID)


def _sum(rows, field: str) -> int:
    return int(rows.aggregate(total=Sum(field))["total"] or 0)
