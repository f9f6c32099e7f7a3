"""Cached prompts of a tenant: where they lie, until when, and what they cost."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Count, Prefetch, QuerySet, Sum

from billing.domain.lease_cost import HOUR_MS
from billing.domain.money import amount_nanos
from billing.services.prices.read_lease_rates import (
    NOT_SOLD,
    LeaseRates,
    read_lease_rates,
)
from frontend.prompts.prompt_prices import calls_to_pay, held_price, sum_of
from inference.cached_prompt_models import (
    LIVING,
    CachedPrompt,
    CachedPromptPlacement,
    CachedPromptStatus,
)
from inference.lease_models import Lease, LeaseState
from tenants.models import Tenant


@dataclass(frozen=True, kw_only=True)
class ShownPlacement:
    """A cached prompt on one engine."""

    placement: CachedPromptPlacement
    tier: str
    """Where it lies now, as far as the engine has told."""
    is_held: bool
    """The engine holds it at this moment."""
    hour_nanos: int | None
    """Per hour; None: that tier has no price."""

    @property
    def state(self) -> str:
        if self.is_held:
            return "held"
        if self.placement.lease_id is None:
            return "warming"
        return "lost" if self.placement.is_lost else "ended"


@dataclass(frozen=True, kw_only=True)
class ShownPrompt:
    prompt: CachedPrompt
    placements: list[ShownPlacement]
    rates: LeaseRates
    """In force now."""

    @property
    def is_living(self) -> bool:
        return self.prompt.status in LIVING

    @property
    def is_settling(self) -> bool:
        """It is being read, or read again: the page looks more often."""
        return self.prompt.status in {
            CachedPromptStatus.WARMING,
            CachedPromptStatus.DEGRADED,
        }

    @property
    def held(self) -> list[ShownPlacement]:
        return [one for one in self.placements if one.is_held]

    @property
    def bytes(self) -> int:
        """On all engines that hold it."""
        return sum(one.placement.bytes for one in self.held)

    @property
    def hour_nanos(self) -> int | None:
        """What is paid per hour for all that is held."""
        return sum_of(one.hour_nanos for one in self.held)

    @property
    def verified_at(self) -> datetime | None:
        times = [one.placement.verified_at for one in self.placements]
        return max((at for at in times if at), default=None)

    @property
    def worth_nanos(self) -> int:
        """That a call with it pays less than one without."""
        return amount_nanos(self.prompt.token_count, self.rates.input)

    @property
    def calls_to_pay(self) -> int | None:
        """Per hour, from which on it costs less than it saves."""
        return calls_to_pay(self.hour_nanos, self.worth_nanos)


def prompts_of(tenant: Tenant) -> QuerySet[CachedPrompt]:
    """The latest first, and without their contents, each of up to a mebibyte."""
    occupying = CachedPromptPlacement.objects.occupying().select_related("engine")
    rows = CachedPrompt.objects.filter(tenant=tenant).defer("content")
    return (
        rows.select_related("served_model", "project", "api_key", "tenant")
        .prefetch_related(Prefetch("placements", occupying.order_by("pk")))
        .order_by("-created_at", "-pk")
    )


@dataclass(frozen=True, kw_only=True)
class PromptSums:
    """Of all that live."""

    count: int
    tokens: int
    bytes: int
    """On all engines that hold them."""
    hour_nanos: int | None
    """What is paid per hour for all that is held; None: some of it has no price."""


def sum_prompts(tenant: Tenant, *, now: datetime) -> PromptSums:
    living = CachedPrompt.objects.filter(tenant=tenant, status__in=LIVING)
    counted = living.aggregate(count=Count("pk"), tokens=Sum("token_count", default=0))
    occupying = CachedPromptPlacement.objects.occupying().filter(
        cached_prompt__in=living
    )
    rows = occupying.select_related("cached_prompt").defer("cached_prompt__content")
    placements = list(rows)
    leases = _leases_of(placements)
    models = {one.cached_prompt.served_model_id for one in placements}
    rates = read_lease_rates(models, tenant_id=tenant.pk, now=now)
    shown = [
        _placed(
            one, rates.get(one.cached_prompt.served_model_id, NOT_SOLD), leases, now
        )
        for one in placements
    ]
    held = [one for one in shown if one.is_held]
    return PromptSums(
        **counted,
        bytes=sum(one.placement.bytes for one in held),
        hour_nanos=sum_of(one.hour_nanos for one in held),
    )


def find_prompt(
    tenant: Tenant, public_id: UUID, *, now: datetime
) -> ShownPrompt | None:
    rows = prompts_of(tenant).filter(public_id=public_id)
    found = describe_prompts(rows, tenant=tenant, now=now)
    return found[0] if found else None


def describe_prompts(
    rows: Iterable[CachedPrompt], *, tenant: Tenant, now: datetime
) -> list[ShownPrompt]:
    """Of the tenant, at its prices. Three queries beside those of the rows."""
    prompts = list(rows)
    placements = [one for prompt in prompts for one in prompt.placements.all()]
    leases = _leases_of(placements)
    models = {one.served_model_id for one in prompts}
    rates = read_lease_rates(models, tenant_id=tenant.pk, now=now)
    return [
        _described(prompt, rates.get(prompt.served_model_id, NOT_SOLD), leases, now)
        for prompt in prompts
    ]


def _leases_of(placements: list[CachedPromptPlacement]) -> dict[UUID, Lease]:
    ids = {one.lease_id for one in placements if one.lease_id}
    rows = Lease.objects.filter(lease_id__in=ids)
    wanted = {(one.lease_id, one.engine_id) for one in placements}
    return {
        row.lease_id: row for row in rows if (row.lease_id, row.engine_id) in wanted
    }


def _described(
    prompt: CachedPrompt,
    rates: LeaseRates,
    leases: dict[UUID, Lease],
    now: datetime,
) -> ShownPrompt:
    placements = [_placed(one, rates, leases, now) for one in prompt.placements.all()]
    return ShownPrompt(prompt=prompt, placements=placements, rates=rates)


def _placed(
    placement: CachedPromptPlacement,
    rates: LeaseRates,
    leases: dict[UUID, Lease],
    now: datetime,
) -> ShownPlacement:
    """The collector may not have heard of a lease that the answer told of."""
    lease = leases.get(placement.lease_id) if placement.lease_id else None
    has_ended = lease is not None and lease.state != LeaseState.HELD
    until = placement.lease_expires_at
    is_sold = placement.lease_id is not None and until is not None and until > now
    tier = lease.tier if lease else placement.tier
    return ShownPlacement(
        placement=placement,
        tier=tier,
        is_held=is_sold and not placement.is_lost and not has_ended,
        hour_nanos=held_price(placement.bytes, tier, rates, time_ms=HOUR_MS),
    )
