"""What a tenant spent altogether, without a look at each of its calls."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db.models import Exists, F, Min, OuterRef, Q, Sum
from django.db.models.functions import TruncMonth

from billing.domain.charged import held_nanos
from billing.domain.periods import month_of
from billing.services.rating.charged_of import rates_of
from inference.domain.prompt_life import TTL_SECONDS_MAX
from inference.lease_models import Lease
from metering.coarse_models import UsageDay
from metering.domain.lease_intervals import METERS
from metering.lease_models import LeaseInterval
from metering.models import OpenHour, UsageEvent, UsageEventQuerySet
from metering.services.measure_leases import GIVEN_UP_AFTER


@dataclass(frozen=True, kw_only=True)
class TenantSpend:
    """Nanos."""

    ever: int
    in_month: int
    """Of the month of the time that was asked for."""


def sum_tenant_spend(tenant_id: int, *, until: datetime) -> TenantSpend:
    """What `sum_spend` says of the tenant, from its days as far as they are rolled up,
    and from the events of the days since.
    """
    day = _first_open_day(tenant_id, until)
    month = month_of(until).start
    parts = (
        _of_days(tenant_id, day, month),
        _of_events(_events(tenant_id, until).filter(happened_at__gte=day), month),
        _of_running(tenant_id, until, month),
        _of_leases(tenant_id, until, month),
    )
    ever, in_month = (sum(part) for part in zip(*parts, strict=True))
    return TenantSpend(ever=ever, in_month=in_month)


def _first_open_day(tenant_id: int, until: datetime) -> datetime:
    """What happened before this midnight is in the tenant's days."""
    opened = OpenHour.objects.filter(tenant_id=tenant_id).aggregate(
        first=Min("hour_at")
    )
    first = min(until, opened["first"] or until).astimezone(UTC)
    return first.replace(hour=0, minute=0, second=0, microsecond=0)


def _of_days(tenant_id: int, day: datetime, month: datetime) -> tuple[int, int]:
    days = UsageDay.objects.of_tenant(tenant_id).filter(day_at__lt=day)
    found = days.aggregate(
        ever=Sum("charged_nanos", default=0),
        in_month=Sum("charged_nanos", filter=Q(day_at__gte=month), default=0),
    )
    return int(found["ever"]), int(found["in_month"])


def _events(tenant_id: int, until: datetime) -> UsageEventQuerySet:
    events = UsageEvent.objects.of_tenant(tenant_id).filter(happened_at__lte=until)
    return events.metered()


def _of_events(events: UsageEventQuerySet, month: datetime) -> tuple[int, int]:
    """Their leases left out, as days leave them out."""
    cost = F("cost_nanos") - F("lease_cost_nanos")
    found = events.aggregate(
        ever=Sum(cost, default=0),
        in_month=Sum(cost, filter=Q(happened_at__gte=month), default=0),
    )
    return int(found["ever"]), int(found["in_month"])


def _of_running(tenant_id: int, until: datetime, month: datetime) -> tuple[int, int]:
    """What leases were charged that nobody has measured yet, and may still."""
    measured = Lease.objects.filter(
        lease_id=OuterRef("lease_id"), engine_id=OuterRef("engine_id"), is_measured=True
    )
    oldest = until - GIVEN_UP_AFTER
    leased = _events(tenant_id, until).filter(
        ~Exists(measured),
        lease_id__isnull=False,
        lease_expires_at__gte=oldest,
        happened_at__gte=oldest - timedelta(seconds=TTL_SECONDS_MAX),
    )
    found = leased.aggregate(
        ever=Sum("lease_cost_nanos", default=0),
        in_month=Sum("lease_cost_nanos", filter=Q(happened_at__gte=month), default=0),
    )
    return int(found["ever"]), int(found["in_month"])


def _of_leases(tenant_id: int, until: datetime, month: datetime) -> tuple[int, int]:
    """What was held, rounded up per price, tier and month of its end."""
    charged = LeaseInterval.objects.of_tenant(tenant_id).charged()
    rows = list(
        charged.filter(ended_at__lte=until)
        .order_by()
        .annotate(month_at=TruncMonth("ended_at", tzinfo=UTC))
        .values("price_version_id", "tier", "month_at")
        .annotate(held=Sum("mb_s"))
    )
    rates = rates_of(row["price_version_id"] for row in rows)
    ever = in_month = 0
    for row in rows:
        rate = rates[row["price_version_id"]].of_meter(METERS[row["tier"]]) or 0
        amount = held_nanos(row["held"], rate)
        ever += amount
        in_month += amount if row["month_at"] >= month else 0
    return ever, in_month
