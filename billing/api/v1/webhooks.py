"""`/api/v1/webhook_endpoints`: where a tenant's own systems are told what happens."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from django.http import Http404
from django.utils import timezone
from msgspec import UNSET, UnsetType
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api.v1.document import documented
from billing.api.v1.pages import Page, PageQuery, newest_first
from billing.api.v1.texts import Text, Url
from billing.api.v1.view import ApiView, repeatable
from billing.domain.event_types import EventType
from billing.models.webhooks import WebhookEndpoint
from billing.services.webhooks.add_webhook_endpoint import add_webhook_endpoint
from billing.services.webhooks.change_webhook_endpoint import change_webhook_endpoint
from billing.services.webhooks.remove_webhook_endpoint import remove_webhook_endpoint
from billing.services.webhooks.rotate_webhook_secret import rotate_webhook_secret
from billing.services.webhooks.webhook_secret import webhook_secret
from tenants.domain.roles import Permission

_Types = Annotated[list[EventType], msgspec.Meta(min_length=1)]


class WebhookEndpointDocument(msgspec.Struct, frozen=True, kw_only=True):
    id: UUID
    url: str
    description: str
    types: list[str] | None
    """Null: all."""
    is_enabled: bool
    disabled_reason: str | None
    created_at: datetime
    succeeded_at: datetime | None
    """The last time that a message arrived; null: none did."""


class NewWebhookEndpoint(WebhookEndpointDocument, frozen=True, kw_only=True):
    secret: str | None
    """`whsec_...`, shown this once; null in a repeated answer."""


class WebhookSecret(msgspec.Struct, frozen=True, kw_only=True):
    secret: str | None
    """`whsec_...`, shown this once; null in a repeated answer."""


class WebhookEndpointBody(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    url: Url
    description: Text = ""
    types: _Types | None = None


class WebhookEndpointChange(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What is left out stays as it is."""

    url: Url | UnsetType = UNSET
    description: Text | UnsetType = UNSET
    types: _Types | UnsetType | None = UNSET
    is_enabled: bool | UnsetType = UNSET


class WebhookEndpoints(ApiView):
    @documented(
        name="list_webhook_endpoints",
        summary="List webhook endpoints",
        tag="webhooks",
        query=PageQuery,
        answer=Page[WebhookEndpointDocument],
    )
    def get(self, request: Request) -> Response:
        del request
        rows = WebhookEndpoint.objects.in_use().filter(tenant=self.tenant)
        return Response(newest_first(rows, self.read_query(PageQuery), _describe))

    @documented(
        name="add_webhook_endpoint",
        summary="Add a webhook endpoint; the answer has its secret, once",
        tag="webhooks",
        body=WebhookEndpointBody,
        answer=NewWebhookEndpoint,
        status=201,
    )
    @repeatable
    def post(self, request: Request) -> Response:
        del request
        self.refuse_unless(Permission.BUILD)
        body = self.read_body(WebhookEndpointBody)
        endpoint = add_webhook_endpoint(
            tenant=self.tenant,
            url=body.url,
            description=body.description,
            types=body.types,
            now=timezone.now(),
        )
        document = NewWebhookEndpoint(
            **msgspec.structs.asdict(_describe(endpoint)),
            secret=webhook_secret(endpoint),
        )
        return Response(document, status=201)


class OneWebhookEndpoint(ApiView):
    @documented(
        name="show_webhook_endpoint",
        summary="Show a webhook endpoint",
        tag="webhooks",
        answer=WebhookEndpointDocument,
    )
    def get(self, request: Request, endpoint_id: UUID) -> Response:
        del request
        return Response(_describe(find_endpoint(self, endpoint_id)))

    @documented(
        name="change_webhook_endpoint",
        summary="Change, enable or disable a webhook endpoint",
        tag="webhooks",
        body=WebhookEndpointChange,
        answer=WebhookEndpointDocument,
    )
    def patch(self, request: Request, endpoint_id: UUID) -> Response:
        del request
        self.refuse_unless(Permission.BUILD)
        endpoint = find_endpoint(self, endpoint_id)
        body = self.read_body(WebhookEndpointChange)
        url, types = body.url, body.types
        description, is_enabled = body.description, body.is_enabled
        changed = change_webhook_endpoint(
            endpoint,
            url=endpoint.url if url is UNSET else url,
            description=endpoint.description if description is UNSET else description,
            types=endpoint.types if types is UNSET else types,
            is_enabled=endpoint.is_enabled if is_enabled is UNSET else is_enabled,
        )
        return Response(_describe(changed))

    @documented(
        name="remove_webhook_endpoint",
        summary="Remove a webhook endpoint",
        tag="webhooks",
        answer=None,
        status=204,
    )
    def delete(self, request: Request, endpoint_id: UUID) -> Response:
        del request
        self.refuse_unless(Permission.BUILD)
        endpoint = find_endpoint(self, endpoint_id)
        remove_webhook_endpoint(endpoint, now=timezone.now())
        return Response(status=204)


class WebhookSecretRotation(ApiView):
    @documented(
        name="rotate_webhook_secret",
        summary="Give a webhook endpoint a new secret; the old one signs as well for a"
        " day",
        tag="webhooks",
        answer=WebhookSecret,
    )
    @repeatable
    def post(self, request: Request, endpoint_id: UUID) -> Response:
        del request
        self.refuse_unless(Permission.BUILD)
        endpoint = find_endpoint(self, endpoint_id)
        secret = rotate_webhook_secret(endpoint, now=timezone.now())
        return Response(WebhookSecret(secret=secret))


def find_endpoint(view: ApiView, endpoint_id: UUID) -> WebhookEndpoint:
    """Raises Http404."""
    rows = WebhookEndpoint.objects.in_use().filter(tenant=view.tenant)
    if endpoint := rows.filter(public_id=endpoint_id).first():
        return endpoint
    raise Http404


def _describe(endpoint: WebhookEndpoint) -> WebhookEndpointDocument:
    return WebhookEndpointDocument(
        id=endpoint.public_id,
        url=endpoint.url,
        description=endpoint.description,
        types=endpoint.types,
        is_enabled=endpoint.is_enabled,
        disabled_reason=endpoint.disabled_reason or None,
        created_at=endpoint.created_at,
        succeeded_at=endpoint.succeeded_at,
    )
