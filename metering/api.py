"""What the control plane answers to API keys; the proxies pass these calls on."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_GET

from inference.models import Engine
from metering.domain.amounts import decimal_amount
from metering.models import UsageEvent
from metering.services.read_usage_event import read_usage_event
from tenants.services.find_api_key import find_api_key


@require_GET
def usage_of_request(request: HttpRequest, request_id: str) -> JsonResponse:
    """One call of the key's project: tokens, cost, times, engine."""
    secret = request.headers.get("authorization", "").removeprefix("Bearer ").strip()
    api_key = find_api_key(secret, now=timezone.now())
    if api_key is None:
        return _error(401, "invalid_api_key", "This API key cannot be used.")
    event = read_usage_event(request_id, project_id=api_key.project_id)
    if event is None:
        return _error(
            404,
            "usage_not_found",
            "This project has no metered call with that request id. It is the "
            "x-request-id header of an answer; calls that were refused have no record.",
        )
    return JsonResponse(_document(event, api_key.tenant.currency))


def _document(event: UsageEvent, currency: str) -> dict[str, Any]:
    return {
        "object": "usage.request",
        "id": f"req_{event.event_id.hex}",
        "created": int(event.received_at.timestamp()),
        "model": event.model,
        "endpoint": event.endpoint,
        "streamed": event.streamed,
        "outcome": event.outcome,
        "usage_source": event.usage_source,
        "api_key_id": event.api_key_id,
        "project_id": event.project_id,
        "price_version_id": event.price_version_id,
        "usage": {
            "input_tokens": event.input_tokens,
            "cached_input_tokens": event.cached_input_tokens,
            "leased_input_tokens": event.leased_input_tokens,
            "cache_write_tokens": event.cache_write_tokens,
            "output_tokens": event.output_tokens,
            "reasoning_tokens": event.reasoning_tokens,
            "images": event.images,
            "cost": decimal_amount(event.cost_nanos, digits=9),
            "currency": currency,
        },
        "timings": _timings(event),
        "engine": _engine_name(event.engine_id),
        "tries": event.tries,
        "kv_lease": _lease(event),
        "cached_prompt": None
        if event.cached_prompt_id is None
        else f"cp_{event.cached_prompt_id.hex}",
    }


def _lease(event: UsageEvent) -> dict[str, str | None] | None:
    """None: the call neither bought a lease nor continued one."""
    bought, previous = event.lease_id, event.previous_lease_id
    if bought is None and previous is None:
        return None
    return {
        "id": _lease_name(bought),
        "expires_at": _time_text(event.lease_expires_at),
        "previous_id": _lease_name(previous),
    }


def _time_text(at: datetime | None) -> str | None:
    return None if at is None else f"{at:%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z"


def _lease_name(lease_id: UUID | None) -> str | None:
    return None if lease_id is None else f"kvl_{lease_id.hex}"


def _timings(event: UsageEvent) -> dict[str, float | None]:
    """Milliseconds. The queue is ours: limits, and a connection to an engine."""
    first, end = event.first_token_at, event.happened_at
    between = event.output_tokens - 1
    return {
        "queue_ms": _milliseconds(event.received_at, event.sent_at),
        "first_token_ms": _milliseconds(event.received_at, first),
        "inter_token_ms": (end - first).total_seconds() * 1000 / between
        if first is not None and between > 0
        else None,
        "total_ms": _milliseconds(event.received_at, end),
    }


def _milliseconds(start: datetime, end: datetime | None) -> float | None:
    return None if end is None else (end - start).total_seconds() * 1000


def _engine_name(engine_id: int) -> str | None:
    """None: it was taken out of service since."""
    return Engine.objects.filter(pk=engine_id).values_list("name", flat=True).first()


def _error(status: int, code: str, message: str) -> JsonResponse:
    error = {
        "message": message,
        "type": "invalid_request_error" if status != 401 else "authentication_error",  # noqa: PLR2004
        "param": None,
        "code": code,
    }
    return JsonResponse({"error": error}, status=status)
