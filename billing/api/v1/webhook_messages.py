"""`/api/v1/webhook_endpoints/{id}/messages`: what was sent, and sending it again."""

import enum
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from django.http import Http404
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api.v1.document import documented
from billing.api.v1.pages import Page, PageQuery, newest_first
from billing.api.v1.refusals import RefusedError
from billing.api.v1.texts import Time
from billing.api.v1.view import ApiView, repeatable
from billing.api.v1.webhooks import find_endpoint
from billing.models.webhooks import WebhookAttempt, WebhookMessage
from billing.services.webhooks.ping_webhook import ping_webhook
from billing.services.webhooks.replay_webhooks import replay_webhooks
from tenants.domain.roles import Permission

TRIES_SHOWN_MAX = 100
_MessageId = Annotated[str, msgspec.Meta(pattern="^msg_[0-9a-f]{32}$")]


class MessageState(enum.StrEnum):
    WAITING = "waiting"
    DELIVERED = "delivered"
    FAILED = "failed"


class WebhookMessageDocument(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    """As the header `webhook-id` says it."""
    type: str
    state: MessageState
    attempts: int
    created_at: datetime
    next_try_at: datetime | None
    delivered_at: datetime | None


class WebhookTry(msgspec.Struct, frozen=True, kw_only=True):
    attempted_at: datetime
    duration_ms: int
    status: int | None
    """Of the answer; null: there was none."""
    answer: str
    """The first 500 characters; or why there was none."""


class WebhookMessageDetail(WebhookMessageDocument, frozen=True, kw_only=True):
    payload: dict[str, Any]
    tries: list[WebhookTry]
    """The latest first."""


class ReplayBody(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """One message, or all that were made since a time."""

    message_id: _MessageId | None = None
    since: Time | None = None


class ReplayAnswer(msgspec.Struct, frozen=True, kw_only=True):
    messages: int
    """How many are sent again."""


class WebhookMessages(ApiView):
    @documented(
        name="list_webhook_messages",
        summary="List messages, the newest first; they are kept for 30 days",
        tag="webhooks",
        query=PageQuery,
        answer=Page[WebhookMessageDocument],
    )
    def get(self, request: Request, endpoint_id: UUID) -> Response:
        del request
        rows = find_endpoint(self, endpoint_id).messages.all()
        query = self.read_query(PageQuery)
        return Response(newest_first(rows, query, _describe))


class OneWebhookMessage(ApiView):
    @documented(
        name="show_webhook_message",
        summary="Show a message with its tries",
        tag="webhooks",
        answer=WebhookMessageDetail,
    )
    def get(self, request: Request, endpoint_id: UUID, message_id: str) -> Response:
        del request
        endpoint = find_endpoint(self, endpoint_id)
        message = endpoint.messages.filter(message_id=message_id).first()
        if message is None:
            raise Http404
        tries = message.tries.order_by("-pk")[:TRIES_SHOWN_MAX]
        document = WebhookMessageDetail(
            **msgspec.structs.asdict(_describe(message)),
            payload=msgspec.json.decode(message.payload),
            tries=[_describe_try(one) for one in tries],
        )
        return Response(document)


class WebhookReplay(ApiView):
    @documented(
        name="replay_webhooks",
        summary="Send messages again, under the ids that they had",
        tag="webhooks",
        body=ReplayBody,
        answer=ReplayAnswer,
    )
    @repeatable
    def post(self, request: Request, endpoint_id: UUID) -> Response:
        del request
        self.refuse_unless(Permission.BUILD)
        endpoint = find_endpoint(self, endpoint_id)
        body = self.read_body(ReplayBody)
        if (body.message_id is None) == (body.since is None):
            raise RefusedError(
                "Give either message_id or since.",
                code="missing_required_parameter",
                param="message_id",
            )
        messages = replay_webhooks(
            endpoint,
            message_id=body.message_id,
            since=body.since,
            now=timezone.now(),
        )
        return Response(ReplayAnswer(messages=messages))


class WebhookPing(ApiView):
    @documented(
        name="ping_webhook_endpoint",
        summary="Send a test message of the type `ping`",
        tag="webhooks",
        answer=WebhookMessageDocument,
        status=201,
    )
    @repeatable
    def post(self, request: Request, endpoint_id: UUID) -> Response:
        del request
        self.refuse_unless(Permission.BUILD)
        endpoint = find_endpoint(self, endpoint_id)
        message = ping_webhook(endpoint, now=timezone.now())
        return Response(_describe(message), status=201)


def _describe(message: WebhookMessage) -> WebhookMessageDocument:
    state = MessageState.WAITING
    if message.delivered_at is not None:
        state = MessageState.DELIVERED
    elif message.failed_at is not None:
        state = MessageState.FAILED
    return WebhookMessageDocument(
        id=message.message_id,
        type=message.type,
        state=state,
        attempts=message.attempts,
        created_at=message.created_at,
        next_try_at=message.next_try_at,
        delivered_at=message.delivered_at,
    )


def _describe_try(one: WebhookAttempt) -> WebhookTry:
    return WebhookTry(
        attempted_at=one.attempted_at,
        duration_ms=one.duration_ms,
        status=one.status,
        answer=one.answer,
    )
