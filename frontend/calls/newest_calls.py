"""The latest calls, each with its key's name, its cost and its time to first token."""

from dataclasses import dataclass
from datetime import timedelta

from billing.domain.money import amount_nanos
from billing.domain.rating import Rates
from frontend.prices.amounts import find_rates
from metering.domain.leased import InputSplit, split_input
from metering.domain.usage import Meter
from metering.models import UsageEvent
from metering.wire import Outcome
from tenants.models import ApiKey, Tenant


@dataclass(frozen=True, kw_only=True)
class Call:
    event: UsageEvent
    key_name: str
    amount_nanos: int | None
    """At the rates of the event's price version; None: it is not there."""

    @property
    def input(self) -> InputSplit:
        return _split(self.event)

    @property
    def ttft(self) -> timedelta | None:
        """Time to first token, from the receipt of the request; None: not streamed."""
        first = self.event.first_token_at
        return first - self.event.received_at if first else None

    @property
    def duration(self) -> timedelta:
        return self.event.happened_at - self.event.received_at

    @property
    def request_id(self) -> str:
        """As the `x-request-id` header of the answer gave it."""
        return f"req_{self.event.event_id.hex}"


def newest_calls(
    tenant: Tenant, *, limit: int, api_key: ApiKey | None = None
) -> list[Call]:
    events = UsageEvent.objects.of_tenant(tenant.pk)
    if api_key is not None:
        # No call is older than its key: this keeps old months out of the search.
        events = events.filter(
            api_key_id=api_key.pk, happened_at__gte=api_key.created_at
        )
    return describe_calls(tenant, list(events.newest(limit)))


def describe_calls(tenant: Tenant, found: list[UsageEvent]) -> list[Call]:
    """With what they cost and their keys' names, in the order given."""
    rates = find_rates(event.price_version_id for event in found)
    keys = ApiKey.objects.filter(tenant=tenant)
    names = dict(
        keys.filter(pk__in={event.api_key_id for event in found}).values_list(
            "pk", "name"
        )
    )
    return [
        Call(
            event=event,
            key_name=names.get(event.api_key_id, ""),
            amount_nanos=_cost(event, rates.get(event.price_version_id)),
        )
        for event in found
    ]


def _split(event: UsageEvent) -> InputSplit:
    return split_input(
        input_tokens=event.input_tokens,
        cached_input_tokens=event.cached_input_tokens,
        leased_input_tokens=event.leased_input_tokens,
    )


def quantities_of(event: UsageEvent) -> dict[Meter, int]:
    """Of one call, what has a price; an unbilled one has nothing."""
    if event.outcome == Outcome.UNBILLED:
        return {}
    split = _split(event)
    return {
        Meter.NEW_INPUT_TOKENS: split.new,
        Meter.CACHED_INPUT_TOKENS: split.cached,
        Meter.OUTPUT_TOKENS: 0 if event.is_warming else event.output_tokens,
        Meter.IMAGES: event.images,
    }


def _cost(event: UsageEvent, rates: Rates | None) -> int | None:
    if event.outcome == Outcome.UNBILLED:
        return 0
    if rates is None:
        return None
    amount = 0
    for meter, quantity in quantities_of(event).items():
        rate = rates.of_meter(meter)
        if quantity and rate is None:
            return None
        amount += amount_nanos(quantity, rate or 0)
    return amount
