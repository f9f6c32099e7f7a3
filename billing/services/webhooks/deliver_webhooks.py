"""Send what is due to tenants' own systems."""

import asyncio
import time
from dataclasses import dataclass
from datetime import datetime, timedelta

import httpx
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q

from billing.domain.webhook_signing import signature_headers
from billing.models.webhooks import WebhookEndpoint, WebhookMessage
from billing.services.webhooks.note_webhook_tries import note_webhook_tries
from billing.services.webhooks.send_webhook import Outcome, open_client, send_webhook
from billing.services.webhooks.webhook_secret import signing_secrets

ENDPOINTS_AT_ONCE = 20
MESSAGES_AT_ONCE = 100
"""To one endpoint, one after the other: they arrive in order as long as they arrive."""
_SENDING_SECONDS_MAX = 20.0
_CLAIM = timedelta(minutes=1)
"""A claim of somebody who died in the middle ends by itself; what was sent by then is
sent once more, under the same message id."""


@dataclass(frozen=True, kw_only=True)
class Round:
    """What one endpoint is sent now."""

    endpoint: WebhookEndpoint
    messages: list[WebhookMessage]
    secrets: list[str]


def deliver_webhooks(*, now: datetime) -> int:
    """How many messages arrived. An endpoint is served by one caller at a time; others
    are never kept waiting by a slow one for longer than a round.
    """
    rounds = [_read(endpoint, now) for endpoint in _claim(now)]
    if not rounds:
        return 0
    results = asyncio.run(_send_all(rounds, now))
    for one, outcomes in zip(rounds, results, strict=True):
        tried = list(zip(one.messages, outcomes, strict=False))
        note_webhook_tries(one.endpoint, tried, now=now)
    return sum(outcome.has_arrived for outcomes in results for outcome in outcomes)


@transaction.atomic
def _claim(now: datetime) -> list[WebhookEndpoint]:
    """Endpoints that have something due, the longest rested first."""
    due = WebhookMessage.objects.filter(endpoint=OuterRef("pk"), next_try_at__lte=now)
    rested = Q(rests_until__isnull=True) | Q(rests_until__lte=now)
    endpoints = list(
        WebhookEndpoint.objects.in_use()
        .filter(rested, Exists(due), is_enabled=True)
        .order_by(F("rests_until").asc(nulls_first=True), "pk")
        .select_for_update(skip_locked=True, of=("self",))[:ENDPOINTS_AT_ONCE]
    )
    claimed = [endpoint.pk for endpoint in endpoints]
    WebhookEndpoint.objects.filter(pk__in=claimed).update(rests_until=now + _CLAIM)
    return endpoints


def _read(endpoint: WebhookEndpoint, now: datetime) -> Round:
    due = endpoint.messages.filter(next_try_at__lte=now)
    return Round(
        endpoint=endpoint,
        messages=list(due.order_by("next_try_at", "pk")[:MESSAGES_AT_ONCE]),
        secrets=signing_secrets(endpoint, now=now),
    )


async def _send_all(rounds: list[Round], now: datetime) -> list[list[Outcome]]:
    return await asyncio.gather(*(_send(one, now) for one in rounds))


async def _send(one: Round, now: datetime) -> list[Outcome]:
    """Of the first messages, up to one that did not arrive: more would not either."""
    outcomes: list[Outcome] = []
    began = time.monotonic()
    async with open_client() as client:
        for message in one.messages:
            outcome = await _send_one(client, one, message, now)
            outcomes.append(outcome)
            is_late = time.monotonic() - began > _SENDING_SECONDS_MAX
            if is_late or not outcome.has_arrived:
                break
    return outcomes


async def _send_one(
    client: httpx.AsyncClient, one: Round, message: WebhookMessage, now: datetime
) -> Outcome:
    headers = signature_headers(
        one.secrets, message_id=message.message_id, payload=message.payload, now=now
    )
    return await send_webhook(
        client, one.endpoint.url, payload=message.payload, headers=headers
    )
