"""Owners hear of a budget once for each threshold, by the counters that decide."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core import mail

from billing.domain.spend_counters import begin_of
from billing.models.budget_alerts import BudgetAlert
from billing.models.webhooks import WebhookMessage
from billing.services.alerts.alert_budgets import alert_budgets
from metering.services import shipped_up_to as shipping
from tenants.domain.roles import Role
from tenants.services.set_budget import set_budget
from tenants.wire import SpendPeriod
from tests.billing.money import seed, spend
from tests.billing.webhooks import make_endpoint
from tests.factories import (
    make_api_key,
    make_budget,
    make_member,
    make_project,
    make_tenant,
    make_user,
)
from tests.parallel import in_parallel

CENT = 10_000_000


@pytest.fixture(autouse=True)
def _journals_are_shipped(settings, tmp_path, monkeypatch):
    monkeypatch.setattr(shipping, "WRITE_MARGIN", timedelta(0))
    settings.JOURNAL_FOLDER = tmp_path


@pytest.fixture
def api_key(db):  # noqa: ARG001  opens the database
    """Of a tenant with one owner and one developer."""
    tenant = make_tenant(name="Acme", owner=make_user(email="olga@acme.example"))
    make_member(tenant=tenant, user=make_user(email="carl@acme.example"))
    return make_api_key(project=make_project(tenant=tenant), name="Backend")[0]


def alert():
    return alert_budgets(now=datetime.now(UTC))


def test_it_works(valkey, api_key):
    make_budget(subject=api_key.tenant, amount_nanos=100 * CENT)
    seed()
    spend(valkey, api_key, 49 * CENT)
    assert alert() == 0

    spend(valkey, api_key, CENT)
    assert alert() == 1

    (sent,) = mail.outbox
    assert sent.to == ["olga@acme.example"]
    assert sent.subject == "50 % of a budget of Acme is spent"
    assert "0.50 USD of the budget of 1.00 USD for all calls this month" in sent.body
    assert "/budgets/" in sent.body


def test_systems_are_told_beside_the_mail(valkey, api_key):
    make_endpoint(api_key.tenant)
    budget = make_budget(subject=api_key, amount_nanos=100 * CENT)
    seed()
    spend(valkey, api_key, 85 * CENT)
    assert alert() == 1
    payload = json.loads(WebhookMessage.objects.get().payload)
    assert payload["type"] == "budget.threshold_reached"
    assert payload["data"] == {
        "budget_id": budget.pk,
        "scope": "key",
        "project_id": None,
        "api_key_id": api_key.pk,
        "period": "month",
        "threshold_percent": 80,
        "amount_nanos": 100 * CENT,
        "spent_nanos": 85 * CENT,
        "currency": "USD",
    }


def test_each_threshold_is_told_once_a_period(valkey, api_key):
    make_budget(subject=api_key, amount_nanos=100 * CENT)
    seed()
    spend(valkey, api_key, 50 * CENT)
    alert()
    spend(valkey, api_key, 60 * CENT)  # passes 80 and 100 at once: one mail

    assert [alert(), alert(), alert()] == [1, 0, 0]

    assert [sent.subject[:5].strip() for sent in mail.outbox] == ["50 %", "100 %"]
    assert "key Backend" in mail.outbox[1].body
    assert BudgetAlert.objects.count() == 3


def test_the_next_period_begins_anew(valkey, api_key):
    budget = make_budget(subject=api_key.project, amount_nanos=CENT)
    seed()
    spend(valkey, api_key, CENT)
    alert()
    last_month = begin_of(SpendPeriod.MONTH, datetime.now(UTC)) - timedelta(days=1)
    BudgetAlert.objects.update(period_starts_on=last_month.replace(day=1))

    assert alert() == 1
    assert budget.alerts.count() == 6


def test_a_budget_that_is_raised_tells_again(valkey, api_key):
    month: dict[str, Any] = {"subject": api_key.tenant, "period": SpendPeriod.MONTH}
    set_budget(**month, amount_nanos=CENT)
    seed()
    spend(valkey, api_key, CENT)
    alert()

    set_budget(**month, amount_nanos=2 * CENT)

    assert alert() == 1
    assert mail.outbox[-1].subject.startswith("50 %")


def test_a_mail_that_cannot_be_sent_is_tried_again(valkey, api_key, settings, caplog):
    make_budget(subject=api_key, amount_nanos=CENT)
    seed()
    spend(valkey, api_key, CENT)
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    assert alert() == 0
    assert "no mail about budget" in caplog.text

    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    assert alert() == 1


def test_a_day_of_which_nothing_is_known_says_nothing(valkey, api_key):
    make_budget(subject=api_key, amount_nanos=CENT)
    spend(valkey, api_key, CENT)

    assert alert() == 0
    assert mail.outbox == []


def test_without_valkey_nothing_is_said(api_key, settings):
    make_budget(subject=api_key, amount_nanos=CENT)
    settings.VALKEY_URL = "redis://127.0.0.1:1"

    assert alert() == 0


def test_without_an_owner_nobody_is_told(valkey, api_key):
    make_budget(subject=api_key, amount_nanos=CENT)
    api_key.tenant.members.filter(role=Role.OWNER).delete()
    seed()
    spend(valkey, api_key, CENT)

    assert alert() == 0


@pytest.mark.django_db(transaction=True)
def test_two_at_the_same_time_tell_once(valkey):
    owner = make_user(email="olga@acme.example")
    project = make_project(tenant=make_tenant(owner=owner))
    api_key, _ = make_api_key(project=project)
    make_budget(subject=api_key, amount_nanos=CENT)
    seed()
    spend(valkey, api_key, CENT)

    assert sum(in_parallel(*[alert] * 4)) == 1
    assert len(mail.outbox) == 1
