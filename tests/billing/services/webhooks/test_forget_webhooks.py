"""Old messages go with their tries; the database keeps the younger ones."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from billing.models.webhooks import (
    ATTEMPTS_KEPT_DAYS,
    WebhookAttempt,
    WebhookMessage,
)
from billing.services.webhooks.forget_webhooks import forget_webhooks
from billing.services.webhooks.ping_webhook import ping_webhook
from tests.billing.webhooks import make_endpoint

OLD = timedelta(days=ATTEMPTS_KEPT_DAYS + 1)


def make_tried(endpoint, *, made, tried):
    message = ping_webhook(endpoint, now=made)
    WebhookAttempt.objects.create(
        tenant=endpoint.tenant, message=message, attempted_at=tried, duration_ms=1
    )
    return message


def test_it_works(tenant):
    now = timezone.now()
    endpoint = make_endpoint(tenant)
    make_tried(endpoint, made=now - OLD, tried=now - OLD)
    young = make_tried(endpoint, made=now, tried=now)
    tried_since = make_tried(endpoint, made=now - OLD, tried=now)
    assert forget_webhooks(now=now) == 1
    assert set(WebhookMessage.objects.all()) == {young, tried_since}
    assert WebhookAttempt.objects.count() == 2


def test_a_try_is_neither_changed_nor_taken_away_early(tenant):
    now = timezone.now()
    make_tried(make_endpoint(tenant), made=now, tried=now)
    with pytest.raises(IntegrityError, match="log of deliveries"), transaction.atomic():
        WebhookAttempt.objects.update(status=200)
    with pytest.raises(IntegrityError, match="log of deliveries"), transaction.atomic():
        WebhookAttempt.objects.all().delete()
