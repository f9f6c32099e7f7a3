"""What the money limits were charged for usage that an invoice may bill."""

from collections.abc import Iterable

from django.db.models import Sum

from billing.domain.charged import held_nanos
from billing.domain.periods import Period
from billing.domain.rating import Rates
from billing.models.invoices import Invoice
from billing.models.prices import PriceVersion
from billing.services.invoices.read_billed import BILLING
from metering.domain.lease_intervals import METERS
from metering.domain.usage import Meter
from metering.models import UsageRollup

_LEASE_METERS = tuple(meter.value for meter in METERS.values())


def charged_of(tenant_id: int, span: Period) -> int:
    """Nanos, for the hours that begin in `span`, a month or the first part of one.

    Leases count once they are measured, as on invoices; until then what was charged for
    all of their time is held by nobody's invoice. Ask after the charges were read: what
    is rolled up in between is on a later invoice, and then charged for already.
    """
    rollups = UsageRollup.objects.of_tenant(tenant_id).between(span.start, span.end)
    meters = (Meter.CHARGED_NANOS.value, *_LEASE_METERS)
    rows = list(rollups.filter(meter__in=meters).totals("price_version_id"))
    rates = rates_of(row["price_version_id"] for row in rows)
    return sum(_charged(rates, **row) for row in rows)


def charged_by(invoice: Invoice) -> int:
    """The part of it that `invoice`, still a draft, bills: what no earlier invoice of
    its month covers. The caller holds the tenant's lock.
    """
    span = Period(start=invoice.period_start, end=invoice.period_end)
    earlier = Invoice.objects.filter(
        tenant_id=invoice.tenant_id,
        period_start=invoice.period_start,
        status__in=BILLING,
    )
    covered = earlier.aggregate(total=Sum("charged_nanos"))["total"]
    # An earlier one may have gone further into the month.
    return max(0, charged_of(invoice.tenant_id, span) - int(covered or 0))


def rates_of(price_version_ids: Iterable[int]) -> dict[int, Rates]:
    versions = PriceVersion.objects.filter(pk__in=set(price_version_ids))
    return {version.pk: version.rates for version in versions}


def _charged(
    rates: dict[int, Rates], price_version_id: int, meter: str, quantity: int
) -> int:
    if meter == Meter.CHARGED_NANOS:
        return int(quantity)
    rate = rates[price_version_id].of_meter(meter) or 0
    return held_nanos(int(quantity), rate)
