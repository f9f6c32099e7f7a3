"""The end of a call: one usage event, and the hold turned into actual use."""

import msgspec

from metering.proxy.admission import Admission
from metering.proxy.transform.request import ParsedRequest
from metering.proxy.usage import NOTHING, Usage, cost_nanos
from metering.wire import (
    USAGE_EVENT_SCHEMA,
    Outcome,
    PriceVector,
    UsageEvent,
    UsageSource,
)
from tenants.wire import KeyPolicy

_encode = msgspec.json.Encoder().encode


class Use(msgspec.Struct, frozen=True, kw_only=True):
    """What a call came to."""

    usage: Usage
    usage_source: UsageSource
    outcome: Outcome
    lease_id: str = ""
    """Of the lease that the call was granted; empty: none."""
    lease_expires_at_us: int = 0
    lease_cost_nanos: int = 0
    """Of that lease, should it be held until it expires."""
    previous_lease_id: str = ""
    """Of the lease that the call continued."""
    is_warming: bool = False
    cached_prompt_id: str = ""
    """That the call began with, in time; empty: none."""

    @property
    def charged_usage(self) -> Usage:
        """What of the usage is the tenant's: not what a warming call put out."""
        if not self.is_warming:
            return self.usage
        return msgspec.structs.replace(self.usage, output_tokens=0, reasoning_tokens=0)

    def cost_nanos(self, price: PriceVector) -> int:
        """Rounded up, so that what the money limits were charged is never too little.
        A lease is charged for all of its time before it begins.
        """
        return cost_nanos(self.charged_usage, price) + self.lease_cost_nanos

    def limited_tokens(self, policy: KeyPolicy) -> int:
        """What counts against tokens per minute: cached input by policy only."""
        usage = self.charged_usage
        if policy.are_cached_tokens_limited:
            return usage.input_tokens + usage.output_tokens
        known = max(usage.cached_input_tokens, usage.leased_input_tokens)
        return usage.input_tokens - known + usage.output_tokens


def estimated_use(
    admission: Admission, *, input_usage: Usage | None, output_tokens: int
) -> Use:
    """For an engine that did not end after its client left: marked as an estimate, so
    that it can be corrected. `input_usage` is what the engine said of the input.
    """
    input_tokens = (
        input_usage.input_tokens if input_usage else admission.input_tokens_estimate
    )
    usage = Usage(input_tokens=input_tokens, output_tokens=output_tokens)
    return Use(
        usage=usage,
        usage_source=UsageSource.ESTIMATE,
        outcome=Outcome.CLIENT_GONE,
    )


def unbilled_use(said: Usage | None) -> Use:
    """For work that nobody is charged for; `said` is what the engine told of it."""
    return Use(
        usage=said or NOTHING,
        usage_source=UsageSource.ENGINE if said else UsageSource.ESTIMATE,
        outcome=Outcome.UNBILLED,
    )


def encoded_event(
    use: Use,
    *,
    event_id: str,
    policy: KeyPolicy,
    request: ParsedRequest,
    admission: Admission,
    engine_id: int,
    tries: int,
    received_at_us: int,
    sent_at_us: int,
    first_token_at_us: int | None,
    happened_at_us: int,
) -> bytes:
    usage, asked = use.usage, request.asked
    is_charged = use.outcome is not Outcome.UNBILLED
    return _encode(
        UsageEvent(
            schema=USAGE_EVENT_SCHEMA,
            event_id=event_id,
            tenant_id=policy.tenant_id,
            project_id=policy.project_id,
            api_key_id=policy.api_key_id,
            model=admission.route.model,
            engine_id=engine_id,
            price_version_id=admission.price.price_version_id,
            endpoint=request.endpoint.name,
            streamed=asked.is_streamed,
            outcome=use.outcome,
            usage_source=use.usage_source,
            input_tokens=usage.input_tokens,
            cached_input_tokens=usage.cached_input_tokens,
            cache_write_tokens=usage.cache_write_tokens,
            output_tokens=usage.output_tokens,
            reasoning_tokens=usage.reasoning_tokens,
            received_at_us=received_at_us,
            first_token_at_us=first_token_at_us,
            happened_at_us=happened_at_us,
            images=usage.images,
            samples=asked.samples,
            tries=tries,
            sent_at_us=sent_at_us,
            cost_nanos=use.cost_nanos(admission.price) if is_charged else 0,
            leased_input_tokens=usage.leased_input_tokens,
            lease_id=use.lease_id,
            lease_expires_at_us=use.lease_expires_at_us,
            previous_lease_id=use.previous_lease_id,
            lease_cost_nanos=use.lease_cost_nanos if is_charged else 0,
            is_warming=use.is_warming,
            cached_prompt_id=use.cached_prompt_id,
        )
    )
