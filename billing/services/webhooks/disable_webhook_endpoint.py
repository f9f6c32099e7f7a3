"""Send nothing more to an endpoint, and tell the owners why."""

import logging

from django.conf import settings
from django.db import transaction

from billing.domain.webhook_mail import webhook_mail
from billing.models.webhooks import WebhookEndpoint
from tenants.domain.mail_kinds import MailKind
from tenants.services.find_owner_addresses import find_owner_addresses
from tenants.services.send_letter import send_letter

_logger = logging.getLogger(__name__)


def disable_webhook_endpoint(endpoint: WebhookEndpoint, *, reason: str) -> bool:
    """Whether it was enabled. The owners get one mail, after the commit; what waits is
    kept and goes out when somebody enables the endpoint again.
    """
    changed = WebhookEndpoint.objects.filter(pk=endpoint.pk, is_enabled=True).update(
        is_enabled=False, disabled_reason=reason
    )
    if changed:
        transaction.on_commit(lambda: _tell(endpoint, reason), robust=True)
    return bool(changed)


def _tell(endpoint: WebhookEndpoint, reason: str) -> None:
    addresses = find_owner_addresses(endpoint.tenant)
    mail = webhook_mail(
        tenant_name=endpoint.tenant.name,
        endpoint_url=endpoint.url,
        reason=reason,
        page_url=f"{settings.PORTAL_URL}/webhooks/",
    )
    try:
        if addresses:
            send_letter(
                kind=MailKind.WEBHOOK,
                to=addresses,
                letter=mail,
                tenant_id=endpoint.tenant_id,
            )
    except OSError:
        _logger.exception("no mail about webhook endpoint %s", endpoint.public_id)
