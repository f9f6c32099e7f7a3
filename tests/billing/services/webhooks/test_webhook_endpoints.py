"""Adding, changing, rotating, removing and testing an endpoint."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from billing.errors import (
    InvalidWebhookError,
    TooManyWebhooksError,
    WebhookDisabledError,
)
from billing.models.webhooks import WebhookEndpoint, WebhookMessage
from billing.services.webhooks.add_webhook_endpoint import (
    ENDPOINTS_MAX,
    add_webhook_endpoint,
)
from billing.services.webhooks.change_webhook_endpoint import change_webhook_endpoint
from billing.services.webhooks.ping_webhook import ping_webhook
from billing.services.webhooks.remove_webhook_endpoint import remove_webhook_endpoint
from billing.services.webhooks.replay_webhooks import replay_webhooks
from billing.services.webhooks.rotate_webhook_secret import rotate_webhook_secret
from billing.services.webhooks.webhook_secret import webhook_secret
from tests.billing.webhooks import URL, make_endpoint
from tests.factories import make_tenant

NOW = datetime(2026, 11, 3, 9, 30, tzinfo=UTC)


def add(tenant, **changes):
    values = {"url": URL, "description": "books", "types": None, "now": NOW}
    return add_webhook_endpoint(tenant=tenant, **(values | changes))


def test_it_works(tenant):
    endpoint = add(tenant, types=["invoice.paid", "invoice.issued", "invoice.paid"])
    assert WebhookEndpoint.objects.get() == endpoint
    assert endpoint.types == ["invoice.issued", "invoice.paid"]
    assert endpoint.is_enabled


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"url": "http://example.com/"}, "url"),
        ({"url": "https://user:password@example.com/"}, "url"),
        ({"url": "https:///path"}, "url"),
        ({"url": "https://example.com:99999/"}, "url"),
        ({"url": "ftp://127.0.0.1/"}, "url"),
        ({"url": "https://example.com/" + "x" * 500}, "url"),
        ({"url": "https://example.com/a b"}, "url"),
        ({"url": "https://example.com/#part"}, "url"),
        ({"description": "x" * 201}, "description"),
        ({"types": []}, "types"),
        ({"types": ["invoice.eaten"]}, "types"),
    ],
)
def test_it_refuses_what_could_not_work(tenant, changes, field):
    with pytest.raises(InvalidWebhookError) as refused:
        add(tenant, **changes)
    assert refused.value.field == field
    assert not WebhookEndpoint.objects.exists()


def test_it_refuses_loopback_where_the_portal_is_public(tenant, settings):
    assert add(tenant, url="http://127.0.0.1:9000/")
    settings.IS_LOCAL = False
    with pytest.raises(InvalidWebhookError):
        add(tenant, url="http://127.0.0.1:9000/")


def test_it_refuses_one_too_many(tenant):
    for _ in range(ENDPOINTS_MAX):
        make_endpoint(tenant)
    with pytest.raises(TooManyWebhooksError):
        add(tenant)
    remove_webhook_endpoint(tenant.webhook_endpoints.first(), now=NOW)
    assert add(tenant)
    assert add(make_tenant())


def test_a_secret_is_of_one_endpoint_and_one_rotation(tenant, settings):
    first, second = add(tenant), add(tenant)
    secrets = {webhook_secret(first), webhook_secret(second)}
    secrets.add(rotate_webhook_secret(first, now=NOW))
    settings.WEBHOOK_KEY = b"another key"
    secrets.add(webhook_secret(first))
    assert len(secrets) == 4
    assert all(one.startswith("whsec_") for one in secrets)


def test_one_that_is_enabled_again_sends_what_waited(tenant):
    endpoint = add(tenant)
    ping_webhook(endpoint, now=NOW)
    same: dict[str, Any] = {"url": URL, "description": "", "types": None}
    endpoint = change_webhook_endpoint(endpoint, **same, is_enabled=False)
    assert endpoint.disabled_reason
    with pytest.raises(WebhookDisabledError):
        ping_webhook(endpoint, now=NOW)
    endpoint = change_webhook_endpoint(endpoint, **same, is_enabled=True)
    assert endpoint.disabled_reason == ""
    assert endpoint.messages.get().next_try_at == NOW


def test_a_change_is_checked_like_a_new_one(tenant):
    endpoint = add(tenant)
    with pytest.raises(InvalidWebhookError):
        change_webhook_endpoint(
            endpoint, url="http://x", description="", types=None, is_enabled=True
        )


def test_nothing_waits_for_one_that_is_removed(tenant):
    endpoint = add(tenant)
    ping_webhook(endpoint, now=NOW)
    remove_webhook_endpoint(endpoint, now=NOW)
    message = WebhookMessage.objects.get()
    assert (message.next_try_at, message.failed_at) == (None, NOW)


def make_delivered(endpoint, *, ago):
    message = ping_webhook(endpoint, now=NOW - ago)
    WebhookMessage.objects.filter(pk=message.pk).update(
        next_try_at=None, delivered_at=NOW - ago, attempts=1
    )
    return message


def test_one_message_is_sent_again_under_its_id(tenant):
    endpoint = add(tenant)
    first, second = (make_delivered(endpoint, ago=timedelta(hours=n)) for n in (1, 2))
    assert replay_webhooks(endpoint, message_id=second.message_id, now=NOW) == 1
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.next_try_at, second.next_try_at) == (None, NOW)
    assert (second.attempts, second.delivered_at) == (0, None)


def test_all_since_a_time_are_sent_again(tenant):
    endpoint, other = add(tenant), add(make_tenant())
    for hours in (1, 2, 3):
        make_delivered(endpoint, ago=timedelta(hours=hours))
    make_delivered(other, ago=timedelta(hours=1))
    assert replay_webhooks(endpoint, since=NOW - timedelta(hours=2), now=NOW) == 2
    assert WebhookMessage.objects.filter(next_try_at=NOW).count() == 2


def test_a_message_of_another_endpoint_is_not_there(tenant):
    endpoint, other = add(tenant), add(tenant)
    message = make_delivered(other, ago=timedelta(hours=1))
    assert replay_webhooks(endpoint, message_id=message.message_id, now=NOW) == 0
