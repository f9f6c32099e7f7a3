"""Warming calls: by order of the control plane one engine computes a cached prompt and
holds it.

The order stands in place of an API key and acts for one, so that such a call is metered
as any other of the key's tenant.
"""

import time

import msgspec
from msgspec import Raw

from inference.domain import warm_order
from inference.domain.warm_order import OrderRejectedError, OrderRejection, WarmOrder
from metering.proxy import errors
from metering.proxy.admission import Admission
from metering.proxy.errors import RefusedError
from metering.proxy.request_head import RequestHead
from metering.proxy.transform.dialects.completions import CHAT_COMPLETIONS
from metering.proxy.transform.endpoint import Endpoint
from metering.proxy.transform.lease_fields import AskedLease
from metering.proxy.transform.request import ParsedRequest
from tenants.wire import KeyPolicy

_SCHEME = b"Bearer "
_PREFIX = _SCHEME + warm_order.PREFIX.encode()
_REFUSALS = {
    OrderRejection.MALFORMED: errors.MALFORMED_KEY,
    OrderRejection.FORGED: errors.UNKNOWN_KEY,
    OrderRejection.STALE: errors.EXPIRED_KEY,
}
_replace = msgspec.structs.replace


def is_order(head: RequestHead) -> bool:
    """Else the caller sent an API key, or nothing."""
    sent = head.authorization
    return sent is not None and sent.startswith(_PREFIX)


def order_of(
    head: RequestHead, endpoint: Endpoint | None, *, snapshot_key: bytes
) -> WarmOrder:
    """Raises RefusedError."""
    sent = head.authorization or b""
    try:
        order = warm_order.verify(
            sent.removeprefix(_SCHEME).decode("latin-1"),
            key=warm_order.derive_key(snapshot_key),
            now_ms=time.time_ns() // 1_000_000,
        )
    except OrderRejectedError as error:
        refusal = _REFUSALS[error.reason]
        raise RefusedError(refusal, f"This warm order is {error.reason}.") from None
    if endpoint is not CHAT_COMPLETIONS:
        raise RefusedError(
            errors.MALFORMED_KEY, "A warm order is for chat completions alone."
        )
    return order


def policy_for(policy: KeyPolicy, order: WarmOrder) -> KeyPolicy:
    """Of the call: what we do at our cost uses up nobody's requests and tokens. Money
    is asked all the same: the tenant pays for the lease.
    """
    limits = () if order.is_at_our_cost else policy.rate_limits
    return _replace(policy, rate_limits=limits, keeps_texts=False)


def warmed(request: ParsedRequest, order: WarmOrder) -> ParsedRequest:
    """The prompt, as calls will begin with it, and one token, which nobody reads.

    Raises RefusedError for what has no one prompt, or asks for a lease by itself.
    """
    asked = request.asked
    if asked.is_streamed or asked.samples > 1 or request.lease or request.prompt_name:
        raise RefusedError(
            errors.INVALID_VALUE, "A warming call is a prompt and nothing else."
        )
    raw = {name: request.raw[name] for name in request.raw if name != "max_tokens"}
    raw["max_completion_tokens"] = Raw(b"1")
    # What opens a reply is not in the prompt: a message of the caller's comes there.
    raw["add_generation_prompt"] = Raw(b"false")
    if "tools" in raw:  # they are to be read, and no call of them is to be understood
        raw["tool_choice"] = Raw(b'"none"')
    lease = AskedLease(ttl_ms=order.ttl_ms, tier=order.tier, order=order)
    return _replace(
        request, raw=raw, asked=_replace(asked, output_ceiling=1), lease=lease
    )


def admission_for(admission: Admission, order: WarmOrder) -> Admission:
    """On that engine or on none; the one token is nobody's. Raises RefusedError."""
    route = admission.route
    engines = tuple(one for one in route.engines if one.engine_id == order.engine_id)
    if not engines:
        raise RefusedError(
            errors.ENGINE_NOT_READY,
            f"The engine {order.engine_id} does not serve {route.model}.",
            retry_after_seconds=5,
        )
    return _replace(
        admission,
        route=_replace(route, engines=engines),
        least_output_tokens=0,
        most_output_tokens=0,
    )


def not_warmed(reason: str | None) -> RefusedError:
    return RefusedError(
        errors.LEASES_FULL,
        f"The engine holds nothing of this prompt: {reason}. Nobody was charged.",
        retry_after_seconds=5,
    )
