"""What a tenant and its parts spent, by the usage events in PostgreSQL.

A lease is charged with its call, for all of its time. Once it is measured that charge
is left out, and the time that it was held is charged in its place. A lease that cannot
be measured any more, since its engine never told its end, costs nothing.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from django.db.models import Case, Exists, F, OuterRef, Q, Sum, When
from django.db.models.functions import TruncMonth

from billing.domain.charged import held_nanos
from billing.domain.spend_counters import Spender, begin_of
from billing.services.rating.charged_of import rates_of
from inference.lease_models import Lease
from metering.domain.lease_intervals import METERS
from metering.lease_models import LeaseInterval
from metering.models import UsageEvent
from metering.services.measure_leases import GIVEN_UP_AFTER
from metering.wire import Outcome
from tenants.models import ApiKey, Project
from tenants.wire import Scope, SpendPeriod

Spend = dict[Spender, dict[SpendPeriod | None, int]]
"""Nanos on the UTC day, in the month, and (None) ever; of every key and project,
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
    for row in _events(tenant_id, until):
        for spender in _spenders_of(tenant_id, row):
            for span, name in _SPANS.items():
                spend[spender][span] += row[name] or 0
    for (spender, span), amount in _leases(tenant_id, until):
        spend[spender][span] += amount
    return spend


def _spenders_of(tenant_id: int, row: Mapping[str, Any]) -> tuple[Spender, ...]:
    return (
        Spender(Scope.TENANT, tenant_id),
        Spender(Scope.PROJECT, row["project_id"]),
        Spender(Scope.KEY, row["api_key_id"]),
    )


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
    is_over = Q(lease_expires_at__lt=until - GIVEN_UP_AFTER) | Q(Exists(measured))
    cost = F("cost_nanos") - Case(
        When(Q(lease_cost_nanos__gt=0) & is_over, then=F("lease_cost_nanos")),
        default=0,
    )
    events = UsageEvent.objects.of_tenant(tenant_id).filter(happened_at__lte=until)
    return (
        events.exclude(outcome=Outcome.UNBILLED)
        .order_by()
        .values("project_id", "api_key_id")
        .annotate(**_by_span(cost, "happened_at", until))
    )


def _leases(
    tenant_id: int, until: datetime
) -> Iterator[tuple[tuple[Spender, SpendPeriod | None], int]]:
    """What was held, rounded up per price, tier and month of its end."""
    charged = LeaseInterval.objects.of_tenant(tenant_id).charged()
    rows: Collection[Mapping[str, Any]] = (
        charged.filter(ended_at__lte=until)
        .order_by()
        .annotate(month_at=TruncMonth("ended_at", tzinfo=UTC))
        .values("project_id", "api_key_id", "price_version_id", "tier", "month_at")
        .annotate(**_by_span(F("mb_s"), "ended_at", until))
    )
    held: dict[tuple[Any, ...], int] = defaultdict(int)
    for row in rows:
        price = row["price_version_id"], row["tier"], row["month_at"]
        for spender in _spenders_of(tenant_id, row):
            for span, name in _SPANS.items():
                held[spender, span, *price] += row[name] or 0
    rates = rates_of(row["price_version_id"] for row in rows)
    for (spender, span, version_id, tier, _), mb_s in held.items():
        rate = rates[version_id].of_meter(METERS[tier]) or 0
        yield (spender, span), held_nanos(mb_s, rate)


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
