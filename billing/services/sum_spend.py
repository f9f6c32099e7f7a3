"""What a tenant and its parts spent, by the usage events in PostgreSQL."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.db.models import Q, Sum

from billing.domain.spend_counters import Spender, begin_of
from metering.models import UsageEvent
from metering.wire import Outcome
from tenants.models import ApiKey, Project
from tenants.wire import Scope, SpendPeriod

Spend = dict[Spender, dict[SpendPeriod | None, int]]
"""Nano-USD on the UTC day, in the month, and (None) ever; of every key and project,
also of those that spent nothing: their counters may be wrong as well."""


def sum_spend(tenant_id: int, *, until: datetime) -> Spend:
    """Of the events that happened at `until` or before; day and month are those of
    `until`.
    """
    spend: Spend = defaultdict(lambda: defaultdict(int))
    for spender in _spenders(tenant_id):
        spend[spender][None] += 0
    for row in _sums(tenant_id, until):
        for spender in (
            Spender(Scope.TENANT, tenant_id),
            Spender(Scope.PROJECT, row["project_id"]),
            Spender(Scope.KEY, row["api_key_id"]),
        ):
            spend[spender][SpendPeriod.DAY] += row["day"] or 0
            spend[spender][SpendPeriod.MONTH] += row["month"] or 0
            spend[spender][None] += row["ever"] or 0
    return spend


def _spenders(tenant_id: int) -> list[Spender]:
    keys = ApiKey.objects.filter(tenant_id=tenant_id).values_list("pk", flat=True)
    projects = Project.objects.filter(tenant_id=tenant_id).values_list("pk", flat=True)
    return [
        Spender(Scope.TENANT, tenant_id),
        *(Spender(Scope.PROJECT, pk) for pk in projects),
        *(Spender(Scope.KEY, pk) for pk in keys),
    ]


def _sums(tenant_id: int, until: datetime) -> Iterable[Mapping[str, Any]]:
    """One pass over the tenant's events, by project and key."""
    events = UsageEvent.objects.of_tenant(tenant_id).filter(happened_at__lte=until)
    since = {
        name: Q(happened_at__gte=begin_of(period, until))
        for name, period in (("day", SpendPeriod.DAY), ("month", SpendPeriod.MONTH))
    }
    return (
        events.exclude(outcome=Outcome.UNBILLED)
        .order_by()
        .values("project_id", "api_key_id")
        .annotate(
            ever=Sum("cost_nano_usd"),
            day=Sum("cost_nano_usd", filter=since["day"]),
            month=Sum("cost_nano_usd", filter=since["month"]),
        )
    )
