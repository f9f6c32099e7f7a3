"""What happened to one cached prompt, and what its storage came to so far."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Q, Sum

from billing.domain.money import amount_nanos
from billing.domain.rating import Rates
from frontend.leases.lease_list import describe_leases
from frontend.prices.amounts import find_rates
from frontend.prompts.prompt_prices import sum_of
from inference.cached_prompt_models import CachedPrompt, CachedPromptEvent
from metering.domain.lease_intervals import METERS
from metering.lease_models import LeaseInterval
from metering.models import UsageEvent

EVENTS_SHOWN = 50
DAY = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Storage:
    mb_s: int
    amount_nanos: int | None
    """None: a price is not there."""
    day_nanos: int | None
    """Of leases that ended within the last 24 hours, or are held."""


def latest_events(prompt: CachedPrompt) -> list[CachedPromptEvent]:
    """The latest first."""
    rows = prompt.events.select_related("engine").order_by("-pk")
    return list(rows[:EVENTS_SHOWN])


def storage_of(prompt: CachedPrompt, *, now: datetime) -> Storage:
    """Of all its leases: those that ended, as measured, and those held now. None lasts
    longer than an hour.
    """
    measured = _measured(prompt, now)
    calls = UsageEvent.objects.of_tenant(prompt.tenant_id).metered()
    running = [
        one
        for one in describe_leases(
            prompt.tenant, list(calls.filter(lease_id__in=_current(prompt))), now
        )
        if one.is_live
    ]
    so_far = [one.amount_nanos for one in running]
    return Storage(
        mb_s=measured.mb_s + sum(one.mb_s for one in running),
        amount_nanos=sum_of([measured.amount_nanos, *so_far]),
        day_nanos=sum_of([measured.day_nanos, *so_far]),
    )


def _current(prompt: CachedPrompt) -> list[UUID]:
    found = [one.lease_id for one in prompt.placements.all()]
    return [lease_id for lease_id in found if lease_id]


def _measured(prompt: CachedPrompt, now: datetime) -> Storage:
    """Quantities are added before they are multiplied, as on an invoice."""
    told = prompt.events.exclude(lease_id="").values_list("lease_id", flat=True)
    of_late = Q(ended_at__gte=now - DAY)
    sums = list(
        LeaseInterval.objects.of_tenant(prompt.tenant_id)
        .charged()
        .filter(lease_id__in={UUID(one) for one in told})
        .order_by()
        .values_list("price_version_id", "tier")
        .annotate(all=Sum("mb_s"), day=Sum("mb_s", filter=of_late, default=0))
    )
    rates = find_rates(version for version, *_ in sums)
    return Storage(
        mb_s=sum(quantity for *_, quantity, _ in sums),
        amount_nanos=sum_of(
            _amount(rates.get(version), tier, quantity)
            for version, tier, quantity, _ in sums
        ),
        day_nanos=sum_of(
            _amount(rates.get(version), tier, quantity)
            for version, tier, _, quantity in sums
        ),
    )


def _amount(rates: Rates | None, tier: str, quantity: int) -> int | None:
    rate = rates.of_meter(METERS[tier].value) if rates else None
    return None if rate is None else amount_nanos(quantity, rate)
