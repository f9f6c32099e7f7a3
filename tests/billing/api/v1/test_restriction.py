"""Keys of a tenant that owes read everything, and change nothing."""

import pytest
from django.utils import timezone

from billing.models.webhooks import WebhookEndpoint
from tenants.models import Restriction
from tenants.services.set_restriction import set_restriction
from tenants.services.suspend_tenant import suspend_tenant
from tests.billing.webhooks import make_endpoint

OWES = [Restriction.NO_NEW_KEYS, Restriction.NO_CALLS]
READ = ["credit", "invoices", "prices", "payments", "webhook_endpoints", "refunds"]
BODY = {"url": "https://example.com/"}
DETAILS = {"name": "n", "address": "a", "city": "c", "country": "DE"}


@pytest.fixture(params=OWES)
def owing(callers, request):
    set_restriction(tenant_id=callers.tenant.pk, restriction=request.param)
    return callers


def changes_of(endpoint):
    place = f"webhook_endpoints/{endpoint.public_id}"
    return [
        ("POST", "webhook_endpoints", BODY),
        ("PATCH", place, {"is_enabled": False}),
        ("DELETE", place, None),
        ("POST", f"{place}/rotate_secret", None),
        ("POST", f"{place}/ping", None),
        ("PUT", "billing_details", DETAILS),
        ("DELETE", "auto_recharge", None),
    ]


def test_it_works(owing):
    for path in READ:
        assert owing.key.get(path).status_code == 200


def test_it_refuses_a_key_to_change_anything(owing):
    endpoint = make_endpoint(owing.tenant)
    for method, path, body in changes_of(endpoint):
        answer = owing.key.ask(method, path, body)
        assert answer.status_code == 402
        error = answer.json()["error"]
        assert (error["code"], error["type"]) == ("payment_overdue", "billing_error")
    assert WebhookEndpoint.objects.in_use().get() == endpoint


def test_members_go_on_as_before(owing):
    """Whoever pays has to get in, and a secret that is out has to be changed."""
    assert owing.owner.post("webhook_endpoints", BODY).status_code == 201
    assert owing.owner.ask("PUT", "billing_details", DETAILS).status_code == 200


@pytest.mark.parametrize("restriction", [Restriction.NONE, Restriction.WARNED])
def test_a_warning_restricts_nothing(callers, restriction):
    set_restriction(tenant_id=callers.tenant.pk, restriction=restriction)
    assert callers.key.post("webhook_endpoints", BODY).status_code == 201


def test_other_tenants_are_not_restricted(owing):
    assert owing.stranger.post("webhook_endpoints", BODY).status_code == 201


def test_keys_of_a_suspended_tenant_read_and_change_nothing(callers):
    now = timezone.now()
    suspend_tenant(tenant_id=callers.tenant.pk, reason="Why", now=now)
    assert callers.key.get("credit").status_code == 200
    answer = callers.key.post("webhook_endpoints", BODY)
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "tenant_suspended"
    assert callers.owner.post("webhook_endpoints", BODY).status_code == 201
