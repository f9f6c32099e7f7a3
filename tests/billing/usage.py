"""Prices and rollups for tests of billing."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from django.db.models import F, QuerySet, Sum

from billing.domain.invoice import InvoiceStatus
from billing.models.credit_notes import CreditNote, CreditNoteLine
from billing.models.invoices import Invoice, LineItem
from billing.models.ledger import LedgerEntry
from billing.models.price_books import PriceBook
from billing.models.prices import PriceVersion
from billing.models.rating import BillingPeriod, RatedCharge
from inference.models import ServedModel
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
NANO_USD_PER_CENT = 10_000_000
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
        new_input_nano_usd_per_million=new_input,
        cached_input_nano_usd_per_million=cached_input,
        output_nano_usd_per_million=output,
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
    if quantity <= 100 * QUANTITY_MAX:  # else no number of events would do
        _store(quantity, **dimension)


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
    """(meter, quantity, nano-USD, cents) as printed."""
    return list(
        invoice.lines.in_order().values_list(
            "meter", "quantity", "amount_nano_usd", "amount_cents"
        )
    )


def balances(tenant: Tenant) -> dict[str, int]:
    """Nano-USD by kind of account; an account without entries is left out."""
    rows = LedgerEntry.objects.filter(tenant=tenant).values_list("account__kind")
    return dict(rows.annotate(total=Sum("amount_nano_usd")))


def check_books(tenant: Tenant) -> None:
    """What is true at every moment, whatever happened before, where nothing was paid,
    credited or taxed.
    """
    rated = _sum(RatedCharge.objects.filter(tenant=tenant), "amount_nano_usd")
    invoices = Invoice.objects.filter(tenant=tenant)
    drafts = invoices.filter(status=InvoiceStatus.DRAFT)
    issued = invoices.exclude(status=InvoiceStatus.DRAFT)
    notes = CreditNote.objects.filter(tenant=tenant)
    owed = _sum(issued, "total_cents") * NANO_USD_PER_CENT
    to_take_back = _sum(notes.filter(status="draft"), "total_nano_usd")
    books = dict.fromkeys(("unbilled", "receivable", "revenue", "rounding"), 0)
    assert {**books, **balances(tenant)} == {
        "unbilled": _sum(drafts, "total_nano_usd") - to_take_back,
        "receivable": owed,
        "revenue": -rated,
        "rounding": _sum(issued, "total_nano_usd") - owed,
    }
    assert _sum(invoices, "total_nano_usd") - to_take_back == rated
    _check_each_month(tenant)


def _check_each_month(tenant: Tenant) -> None:
    for period in BillingPeriod.objects.filter(tenant=tenant):
        of_month = {"tenant": tenant, "invoice__period_start": period.starts_at}
        for key, quantity in period.charges.values_list("key", "quantity"):
            lines = LineItem.objects.filter(key=key, **of_month)
            taken = CreditNoteLine.objects.filter(
                tenant=tenant, line__key=key, line__invoice__in=_of(period)
            )
            assert _sum(lines, "quantity") - _sum(taken, "quantity") == quantity


def _of(period: BillingPeriod) -> QuerySet[Invoice]:
    return Invoice.objects.filter(tenant=period.tenant, period_start=period.starts_at)


def _sum(rows, field: str) -> int:
    return int(rows.aggregate(total=Sum(field))["total"] or 0)
