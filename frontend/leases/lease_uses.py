"""What calls read from leases and cached prompts, and what that would have cost as new
input.
"""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Count, F, Sum, Value
from django.db.models.functions import Least

from billing.domain.money import amount_nanos
from frontend.prices.amounts import find_rates
from inference.cached_prompt_models import CachedPrompt
from metering.domain.usage import Meter
from metering.models import UsageEvent, UsageEventQuerySet
from tenants.models import Tenant


@dataclass(frozen=True, kw_only=True)
class LeaseUse:
    hits: int = 0
    """Turns that came in time and began with it."""
    tokens: int = 0
    """That these turns did not pay for."""
    worth_nanos: int | None = 0
    """Those tokens as new input; None: a price is not there."""


def uses_of_leases(
    tenant: Tenant, lease_ids: Collection[UUID], *, since: datetime
) -> dict[UUID, LeaseUse]:
    """By lease. One row per lease and price version, whatever the number of turns."""
    turns = _in_time(tenant.pk, since).filter(previous_lease_id__in=lease_ids)
    sums = (
        turns.values_list("previous_lease_id", "price_version_id")
        .annotate(hits=Count("*"), tokens=Sum("leased_input_tokens"))
        .order_by()
    )
    return _summed(list(sums))


def uses_of_prompt(prompt: CachedPrompt, *, since: datetime) -> LeaseUse:
    """A conversation's lease may cover more of a call; that is not the prompt's."""
    calls = _in_time(prompt.tenant_id, since).filter(cached_prompt_id=prompt.public_id)
    of_prompt = Least(F("leased_input_tokens"), Value(prompt.token_count))
    sums = (
        calls.values_list("cached_prompt_id", "price_version_id")
        .annotate(hits=Count("*"), tokens=Sum(of_prompt))
        .order_by()
    )
    return _summed(list(sums)).get(prompt.public_id, LeaseUse())


def _in_time(tenant_id: int, since: datetime) -> UsageEventQuerySet:
    calls = UsageEvent.objects.of_tenant(tenant_id).metered()
    return calls.filter(
        is_warming=False, leased_input_tokens__gt=0, happened_at__gte=since
    )


def _summed(sums: list[tuple[UUID, int, int, int]]) -> dict[UUID, LeaseUse]:
    """`sums`: whose, price version, hits and tokens."""
    rates = find_rates(version for _, version, _, _ in sums)
    found: dict[UUID, LeaseUse] = defaultdict(LeaseUse)
    for whose, version, hits, tokens in sums:
        before, rate = found[whose], None
        if version in rates:
            rate = rates[version].of_meter(Meter.NEW_INPUT_TOKENS)
        worth = None
        if rate is not None and before.worth_nanos is not None:
            worth = before.worth_nanos + amount_nanos(tokens, rate)
        found[whose] = LeaseUse(
            hits=before.hits + hits,
            tokens=before.tokens + tokens,
            worth_nanos=worth,
        )
    return found
