"""Endpoints and messages for tests."""

from billing.models.webhooks import WebhookEndpoint
from tenants.models import Tenant

URL = "https://example.com/hooks"


def make_endpoint(tenant: Tenant, *, url: str = URL, **fields) -> WebhookEndpoint:
    fields.setdefault("created_at", tenant.created_at)
    return WebhookEndpoint.objects.create(tenant=tenant, url=url, **fields)
