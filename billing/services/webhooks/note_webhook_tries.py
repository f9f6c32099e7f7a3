"""Write down how tries went, and what follows for the messages and the endpoint."""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import F

from billing.domain.webhook_schedule import pause_after, rest_after
from billing.models.webhooks import (
    WebhookAttempt,
    WebhookEndpoint,
    WebhookMessage,
)
from billing.services.webhooks.disable_webhook_endpoint import disable_webhook_endpoint
from billing.services.webhooks.send_webhook import Outcome
from tenants.domain.letters import gettext_noop

GONE = str(gettext_noop("The receiver answered 410: it wants no more."))
_GIVEN_UP = str(
    gettext_noop("A message was tried for three days, and none arrived meanwhile.")
)
Tried = tuple[WebhookMessage, Outcome]


@transaction.atomic
def note_webhook_tries(
    endpoint: WebhookEndpoint, tried: Sequence[Tried], *, now: datetime
) -> None:
    """`tried` in the order of sending: at most the last has not arrived."""
    _log(tried, now)
    arrived = [message for message, outcome in tried if outcome.has_arrived]
    _note_arrived(endpoint, arrived, now)
    failed = [(message, outcome) for message, outcome in tried[len(arrived) :]]
    for message, outcome in failed:
        _note_failed(endpoint, message, outcome, now)
    if not failed:
        WebhookEndpoint.objects.filter(pk=endpoint.pk).update(rests_until=now)


def _log(tried: Sequence[Tried], now: datetime) -> None:
    WebhookAttempt.objects.bulk_create(
        WebhookAttempt(
            tenant_id=message.tenant_id,
            message=message,
            attempted_at=now,
            duration_ms=outcome.duration_ms,
            status=outcome.status,
            answer=outcome.answer,
        )
        for message, outcome in tried
    )


def _note_arrived(
    endpoint: WebhookEndpoint, messages: list[WebhookMessage], now: datetime
) -> None:
    if not messages:
        return
    WebhookMessage.objects.filter(pk__in=[one.pk for one in messages]).update(
        attempts=F("attempts") + 1, next_try_at=None, delivered_at=now, failed_at=None
    )
    WebhookEndpoint.objects.filter(pk=endpoint.pk).update(succeeded_at=now)


def _note_failed(
    endpoint: WebhookEndpoint, message: WebhookMessage, outcome: Outcome, now: datetime
) -> None:
    attempts = message.attempts + 1
    pause = pause_after(attempts)
    # A message that was asked for again meanwhile begins anew.
    waiting = WebhookMessage.objects.filter(pk=message.pk, attempts=message.attempts)
    waiting.filter(next_try_at=message.next_try_at).update(
        attempts=attempts,
        next_try_at=None if pause is None else now + pause,
        failed_at=now if pause is None else None,
    )
    WebhookEndpoint.objects.filter(pk=endpoint.pk).update(
        rests_until=now + rest_after(attempts)
    )
    if outcome.is_gone:
        disable_webhook_endpoint(endpoint, reason=GONE)
    elif pause is None and not _has_succeeded_since(endpoint, message):
        disable_webhook_endpoint(endpoint, reason=_GIVEN_UP)


def _has_succeeded_since(endpoint: WebhookEndpoint, message: WebhookMessage) -> bool:
    endpoint.refresh_from_db(fields=["succeeded_at"])
    return (
        endpoint.succeeded_at is not None
        and endpoint.succeeded_at >= message.created_at
    )
