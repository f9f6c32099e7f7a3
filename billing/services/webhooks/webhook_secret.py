"""The secrets of an endpoint, made when they are needed."""

from datetime import datetime

from django.conf import settings

from billing.domain.webhook_signing import derive_secret, secret_numbers
from billing.models.webhooks import WebhookEndpoint


def webhook_secret(endpoint: WebhookEndpoint) -> str:
    """`whsec_…`. Shown once, when it is new."""
    return _derive(endpoint, endpoint.secret_number)


def signing_secrets(endpoint: WebhookEndpoint, *, now: datetime) -> list[str]:
    """The newest first; two for a day after a rotation."""
    numbers = secret_numbers(endpoint.secret_number, endpoint.rotated_at, now=now)
    return [_derive(endpoint, number) for number in numbers]


def _derive(endpoint: WebhookEndpoint, number: int) -> str:
    return derive_secret(settings.WEBHOOK_KEY, endpoint.public_id, number)
