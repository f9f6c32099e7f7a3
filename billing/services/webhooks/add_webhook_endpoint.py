"""Tell a tenant's own system what happens from now on."""

from collections.abc import Sequence
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext

from billing.domain.event_types import EventType
from billing.domain.webhook_url import fault_of_url
from billing.errors import InvalidWebhookError, TooManyWebhooksError
from billing.models.webhooks import WebhookEndpoint
from billing.services.ledger.lock_tenant import lock_tenant
from tenants.models import Tenant
from tenants.services.note_act import note_act

ENDPOINTS_MAX = 20
"""Per tenant: each event is written once for each."""
DESCRIPTION_CHARACTERS_MAX = 200


@transaction.atomic
def add_webhook_endpoint(
    *,
    tenant: Tenant,
    url: str,
    description: str,
    types: Sequence[str] | None,
    now: datetime,
) -> WebhookEndpoint:
    """A new endpoint; its secret is `webhook_secret(endpoint)`. `types` None: all.

    Raises InvalidWebhookError and TooManyWebhooksError.
    """
    check_endpoint(url=url, description=description, types=types)
    lock_tenant(tenant.pk)
    if tenant.webhook_endpoints.in_use().count() >= ENDPOINTS_MAX:
        raise TooManyWebhooksError(
            gettext("There are %(ENDPOINTS_MAX)s endpoints already. Remove one first.")
            % {"ENDPOINTS_MAX": ENDPOINTS_MAX}
        )
    endpoint = WebhookEndpoint.objects.create(
        tenant=tenant,
        url=url,
        description=description,
        types=None if types is None else sorted(set(types)),
        created_at=now,
    )
    note_act("webhook.added", tenant_id=tenant.pk, about=endpoint, words=url)
    return endpoint


def check_endpoint(*, url: str, description: str, types: Sequence[str] | None) -> None:
    """Raises InvalidWebhookError."""
    if fault := fault_of_url(url, allows_loopback=settings.IS_LOCAL):
        raise InvalidWebhookError(fault, field="url")
    if len(description) > DESCRIPTION_CHARACTERS_MAX or "\0" in description:
        raise InvalidWebhookError(
            gettext(
                "A description has at most %(DESCRIPTION_CHARACTERS_MAX)s characters."
            )
            % {"DESCRIPTION_CHARACTERS_MAX": DESCRIPTION_CHARACTERS_MAX},
            field="description",
        )
    if types is not None and not types:
        raise InvalidWebhookError(
            gettext("Name at least one type of event, or ask for all."), field="types"
        )
    unknown = sorted(set(types or ()) - {kind.value for kind in EventType})
    if unknown:
        raise InvalidWebhookError(
            gettext("There is no type of event %(unknown)s.") % {"unknown": unknown[0]},
            field="types",
        )
