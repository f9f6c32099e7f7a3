"""What a tenant and its parts spent, by the usage events in PostgreSQL.

A lease is charged with its call, for all of its time. Once it is measured that charge
is left out, and the time that it was held is charged in its place.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from django.db.models import Case, Exists, F, OuterRef, Q, Sum, When

from billing.domain.money import UNITS_PER_RATE
from billing.domain.spend_counters import Spender, begin_of
from billing.models.prices import PriceVersion
from inference.lease_models import Lease
from metering.domain.lease_intervals import METERS
from metering.lease_models import LeaseInterval
from metering.models import UsageEvent
from metering.wire import Outcome
from tenants.models import ApiKey, Project
from tenants.wire import Scope, SpendPeriod

Spend = dict[Spender, dict[SpendPeriod | None, int]]
"""Nano-USD on the UTC day, in the month, and (None) ever; of every key and project,
also of those that spent nothing: their counters may be wrong as well."""

_SPANS = {None: "ever", SpendPeriod.DAY: "day", SpendPeriod.MONTH: "month"}
_NAMES = tuple(_SPANS.values())


def sum_spend(tenant_id: int, *, until: datetime) -> Spend:
    """Of the events that happened at `until` or before; day and month are those of
    `until`.
    """
    spend: Spend = defaultdict(lambda: defaultdict(int))
    for spender in _spenders(tenant_id):
        spend[spender][None] += 0
    for row in (*_events(tenant_id, until), *_leases(tenant_id, until)):
        for spender in (
            Spender(Scope.TENANT, tenant_id),
            Spender(Scope.PROJECT, row["project_id"]),
            Spender(Scope.KEY, row["api_key_id"]),
        ):
            for span, name in _SPANS.items():
                spend[spender][span] += row[name] or 0
    return spend


def _spenders(tenant_id: int) -> list[Spender]:
    keys = ApiKey.objects.filter(tenant_id=tenant_id).values_list("pk", flat=True)
    projects = Project.objects.filter(tenant_id=tenant_id).values_list("pk", flat=True)
    return [
        Spender(Scope.TENANT, tenant_id),
        *(Spender(Scope.PROJECT, pk) for pk in projects),
        *(Spender(Scope.KEY, pk) for pk in keys),
    ]


def _events(tenant_id: int, until: datetime) -> Iterable[Mapping[str, Any]]:
    """One pass over the tenant's events, by project and key."""
    measured = Lease.objects.filter(
        lease_id=OuterRef("lease_id"), engine_id=OuterRef("engine_id"), is_measured=True
    )
    is_measured = Q(lease_cost_nano_usd__gt=0) & Q(Exists(measured))
    cost = F("cost_nano_usd") - Case(
        When(is_measured, then=F("lease_cost_nano_usd")), default=0
    )
    events = UsageEvent.objects.of_tenant(tenant_id).filter(happened_at__lte=until)
    return (
        events.exclude(outcome=Outcome.UNBILLED)
        .order_by()
        .values("project_id", "api_key_id")
        .annotate(**_by_span(cost, "happened_at", until))
    )


def _leases(tenant_id: int, until: datetime) -> Iterator[Mapping[str, Any]]:
    """What was held, by project, key, price and tier; rounded up."""
    charged = LeaseInterval.objects.of_tenant(tenant_id).charged()
    intervals = charged.filter(ended_at__lte=until)
    rows: Collection[Mapping[str, Any]] = (
        intervals.order_by()
        .values("project_id", "api_key_id", "price_version_id", "tier")
        .annotate(**_by_span(F("mb_s"), "ended_at", until))
    )
    prices = PriceVersion.objects.in_bulk({row["price_version_id"] for row in rows})
    for row in rows:
        rates = prices[row["price_version_id"]].rates
        rate = rates.of_meter(METERS[row["tier"]]) or 0
        costs = {name: -(-(row[name] or 0) * rate // UNITS_PER_RATE) for name in _NAMES}
        yield {**row, **costs}


def _by_span(amount: Any, time_field: str, until: datetime) -> dict[str, Any]:
    """Sums of `amount`, by the names of `_SPANS`."""
    return {
        name: Sum(
            amount,
            filter=None
            if span is None
            else Q(**{f"{time_field}__gte": begin_of(span, until)}),
        )
        for span, name in _SPANS.items()
    }
