"""The pages of webhooks in a browser, wide and narrow, as pictures to look at."""

from datetime import timedelta

import pytest
from django.utils import timezone

from billing.models.webhooks import WebhookAttempt, WebhookMessage
from billing.services.webhooks.emit_event import emit_event
from tests.billing.webhooks import make_endpoint
from tests.frontend.browser.test_screenshots import LOOKS, folder_of, take

pytestmark = pytest.mark.browser


@pytest.fixture
def log(people):
    """A message that arrived, one that is tried again and one that was given up."""
    now = timezone.now()
    endpoint = make_endpoint(people.tenant, description="bookkeeping")
    disabled = "A message was tried for three days, and none arrived meanwhile."
    make_endpoint(
        people.tenant,
        url="https://old.example.com/a/rather/long/path/to/a/receiver",
        types=["invoice.issued"],
        is_enabled=False,
        disabled_reason=disabled,
    )
    for type_, fields in (
        ("invoice.issued", {"next_try_at": None, "delivered_at": now}),
        ("payment.failed", {"next_try_at": now + timedelta(minutes=5), "attempts": 2}),
        ("credit.low", {"next_try_at": None, "failed_at": now, "attempts": 10}),
    ):
        emit_event(
            tenant_id=people.tenant.pk,
            type=type_,
            data={"amount_nanos": 12_500_000_000},
            now=now - timedelta(hours=1),
        )
        WebhookMessage.objects.filter(type=type_).update(**fields)
    message = WebhookMessage.objects.get(type="payment.failed")
    for status, answer in (
        (500, "<h1>Internal Server Error</h1>"),
        (None, "No answer"),
    ):
        WebhookAttempt.objects.create(
            tenant=people.tenant,
            message=message,
            attempted_at=now,
            duration_ms=10_000,
            status=status,
            answer=answer,
        )
    return {
        "webhooks": "/webhooks/",
        "webhook": f"/webhooks/{endpoint.public_id}/",
        "webhook-new": "/webhooks/new/",
        "webhook-change": f"/webhooks/{endpoint.public_id}/change/",
        "webhook-rotate": f"/webhooks/{endpoint.public_id}/rotate/",
        "webhook-remove": f"/webhooks/{endpoint.public_id}/remove/",
        "webhook-message": (
            f"/webhooks/{endpoint.public_id}/messages/{message.message_id}/"
        ),
    }


@pytest.mark.parametrize("look", LOOKS, ids=folder_of)
def test_webhooks_can_be_shown(visit, people, log, look):
    take(visit, people.users["owner"], folder_of(look), log, **look)
