"""A tenant's own systems are told that it is suspended, and that it is no longer."""

import json

import pytest
from django.utils import timezone

from billing.models.webhooks import WebhookMessage
from billing.services.suspension.lift_and_tell import lift_and_tell
from billing.services.suspension.suspend_and_tell import suspend_and_tell
from billing.services.webhooks.deliver_webhooks import deliver_webhooks
from tenants.errors import SuspensionReasonError
from tests.billing.webhook_receiver import start_receiver
from tests.billing.webhooks import make_endpoint
from tests.factories import make_tenant

pytestmark = pytest.mark.django_db


def told():
    rows = WebhookMessage.objects.order_by("pk").values_list("payload", flat=True)
    payloads = [json.loads(row) for row in rows]
    return [(one["type"], one["data"]) for one in payloads]


def test_it_works():
    tenant, now = make_tenant(), timezone.now()
    make_endpoint(tenant)
    make_endpoint(make_tenant(), url="https://example.com/other")

    for _ in range(2):
        suspend_and_tell(tenant_id=tenant.pk, reason=" Stolen  cards ", now=now)
    for _ in range(2):
        lift_and_tell(tenant_id=tenant.pk, now=now)

    assert told() == [
        ("tenant.suspended", {"reason": "Stolen cards"}),
        ("tenant.unsuspended", {}),
    ]


def test_a_suspended_tenant_is_sent_it():
    tenant, now = make_tenant(), timezone.now()
    with start_receiver() as receiver:
        make_endpoint(tenant, url=receiver.url)
        suspend_and_tell(tenant_id=tenant.pk, reason="Stolen cards", now=now)

        assert deliver_webhooks(now=now) == 1

    (received,) = receiver.received
    assert json.loads(received.body)["type"] == "tenant.suspended"


def test_it_refuses_no_reason_and_tells_nothing():
    tenant = make_tenant()
    make_endpoint(tenant)

    with pytest.raises(SuspensionReasonError):
        suspend_and_tell(tenant_id=tenant.pk, reason=" ", now=timezone.now())

    assert told() == []
