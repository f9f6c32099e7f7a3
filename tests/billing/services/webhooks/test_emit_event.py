"""An event becomes one message for each endpoint that asked for it."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from billing.models.webhooks import WebhookMessage
from billing.services.webhooks.emit_event import emit_event
from tests.billing.webhooks import make_endpoint
from tests.factories import make_tenant

NOW = datetime(2026, 11, 3, 9, 30, tzinfo=UTC)


def emit(tenant, **changes):
    values: dict[str, Any] = {
        "type": "credit.granted",
        "data": {"amount_nanos": 5},
        "now": NOW,
    }
    emit_event(tenant_id=tenant.pk, **(values | changes))


def test_it_works(tenant):
    endpoint = make_endpoint(tenant)
    emit(tenant, data={"amount_nanos": 5, "expires_at": NOW})
    message = WebhookMessage.objects.get()
    assert message.endpoint == endpoint
    assert message.tenant == tenant
    assert message.message_id.startswith("msg_")
    assert message.next_try_at == message.created_at == NOW
    assert json.loads(message.payload) == {
        "type": "credit.granted",
        "timestamp": "2026-11-03T09:30:00Z",
        "data": {"amount_nanos": 5, "expires_at": "2026-11-03T09:30:00Z"},
    }


def test_each_endpoint_gets_a_message_of_its_own(tenant):
    make_endpoint(tenant)
    make_endpoint(tenant, url="https://example.com/other")
    emit(tenant)
    ids = set(WebhookMessage.objects.values_list("message_id", flat=True))
    assert len(ids) == 2


def test_it_tells_nobody_who_did_not_ask(tenant):
    make_endpoint(tenant, types=["invoice.issued"])
    make_endpoint(tenant, is_enabled=False, disabled_reason="switched off")
    make_endpoint(tenant, removed_at=NOW)
    make_endpoint(make_tenant())
    emit(tenant)
    assert not WebhookMessage.objects.exists()
    emit(tenant, type="invoice.issued")
    assert WebhookMessage.objects.count() == 1


def test_what_is_rolled_back_is_told_to_nobody(tenant):
    make_endpoint(tenant)

    def fail_after():
        with transaction.atomic():
            emit(tenant)
            raise ArithmeticError

    with pytest.raises(ArithmeticError):
        fail_after()
    assert not WebhookMessage.objects.exists()


def test_it_refuses_a_type_that_nobody_knows(tenant):
    make_endpoint(tenant)
    with pytest.raises(ValueError, match=r"credit\.forgotten"):
        emit(tenant, type="credit.forgotten")


def test_it_refuses_a_message_of_another_tenants_endpoint(tenant):
    """The database does: `SET CONSTRAINTS` shows what the commit would say."""
    endpoint = make_endpoint(make_tenant())

    @transaction.atomic
    def write():
        WebhookMessage.objects.create(
            tenant=tenant,
            endpoint=endpoint,
            message_id="msg_1",
            type="credit.granted",
            payload="{}",
            created_at=NOW,
        )
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")

    with pytest.raises(IntegrityError, match="endpoint_id_tenant"):
        write()
