"""Owners and their systems hear once for each threshold that credit falls to."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from django.core import mail

from billing.models.webhooks import WebhookMessage
from billing.services.alerts.alert_credit import alert_credit
from billing.services.alerts.set_credit_threshold import set_credit_threshold
from billing.services.credit.grant_credit import grant_credit
from metering.services import shipped_up_to as shipping
from tests.billing.money import seed, spend
from tests.billing.webhooks import make_endpoint
from tests.factories import make_api_key, make_project, make_tenant, make_user

CENT = 10_000_000


@pytest.fixture(autouse=True)
def _journals_are_shipped(settings, tmp_path, monkeypatch):
    monkeypatch.setattr(shipping, "WRITE_MARGIN", timedelta(0))
    settings.JOURNAL_FOLDER = tmp_path


@pytest.fixture
def api_key(transactional_db, valkey):
    """Of a prepaid tenant with one dollar of credit and an endpoint."""
    del transactional_db, valkey
    tenant = make_tenant(name="Acme", owner=make_user(email="olga@acme.example"))
    tenant.is_prepaid = True
    tenant.save()
    make_endpoint(tenant, types=["credit.low"])
    grant(tenant, "first")
    api_key, _ = make_api_key(project=make_project(tenant=tenant))
    seed()
    return api_key


def grant(tenant, key):
    grant_credit(
        tenant=tenant,
        amount_nanos=100 * CENT,
        reason="paid",
        idempotency_key=key,
        now=datetime.now(UTC),
    )


def alert():
    return alert_credit(now=datetime.now(UTC))


def test_it_works(valkey, api_key):
    spend(valkey, api_key, 79 * CENT)
    assert alert() == 0
    spend(valkey, api_key, CENT)
    assert alert() == 1
    assert alert() == 0
    (sent,) = mail.outbox
    assert sent.to == ["olga@acme.example"]
    assert "0.20 USD of prepaid credit left" in sent.body
    assert json.loads(WebhookMessage.objects.get().payload)["data"] == {
        "left_nanos": 20 * CENT,
        "threshold_nanos": 20 * CENT,
        "currency": "USD",
    }


def test_two_thresholds_at_once_are_one_alert(valkey, api_key):
    spend(valkey, api_key, 96 * CENT)
    assert alert() == 1
    data = json.loads(WebhookMessage.objects.get().payload)["data"]
    assert data["threshold_nanos"] == 5 * CENT
    assert alert() == 0


def test_an_amount_of_ones_own_counts_too(valkey, api_key):
    set_credit_threshold(api_key.tenant, 50 * CENT)
    spend(valkey, api_key, 50 * CENT)
    assert alert() == 1
    set_credit_threshold(api_key.tenant, None)
    assert alert() == 0


def test_the_next_grant_begins_anew(valkey, api_key):
    spend(valkey, api_key, 90 * CENT)
    assert alert() == 1
    grant(api_key.tenant, "second")
    seed()
    assert alert() == 0
    spend(valkey, api_key, 95 * CENT)
    assert alert() == 1


def test_a_tenant_that_is_not_prepaid_hears_nothing(valkey, api_key):
    api_key.tenant.is_prepaid = False
    api_key.tenant.save()
    spend(valkey, api_key, 100 * CENT)
    assert alert() == 0


def test_nothing_is_told_while_the_counters_are_not_known(valkey, api_key):
    spend(valkey, api_key, 100 * CENT)
    valkey.flushdb()
    assert alert() == 0
    assert mail.outbox == []
