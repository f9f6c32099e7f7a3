"""Budgets: what is likely to come of them, who was told, and that a payer sets them."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core import mail

from billing.services.alerts.alert_budgets import alert_budgets
from metering.services import shipped_up_to as shipping
from tenants.domain.roles import Role
from tenants.models import Budget
from tenants.wire import SpendPeriod
from tests.billing.money import seed, spend
from tests.factories import make_budget, make_member, make_user
from tests.frontend.believable import call, record
from tests.frontend.people import client_of

USD = 1_000_000_000
PATH = "/budgets/"


@pytest.fixture(autouse=True)
def _journals_are_shipped(settings, tmp_path, monkeypatch, valkey):  # noqa: ARG001
    monkeypatch.setattr(shipping, "WRITE_MARGIN", timedelta(0))
    settings.JOURNAL_FOLDER = tmp_path


@pytest.fixture
def payer(people):
    user = make_user(email="nora@acme.example")
    make_member(tenant=people.tenant, user=user, role=Role.BILLING)
    return client_of(user)


def a_dollar_a_day(people, version, now):
    calls = [
        call(people.api_key, version, now - timedelta(days=n), cost_nanos=USD)
        for n in range(1, 13)
    ]
    record(calls, now)


def test_it_works(people, version, now, valkey):
    """Of all calls it says when; of a key nobody says."""
    a_dollar_a_day(people, version, now)
    make_budget(subject=people.tenant, amount_nanos=900 * USD)
    make_budget(subject=people.api_key, amount_nanos=5 * USD)
    seed()
    spend(valkey, people.api_key, 3 * USD)

    response = people.client("colleague").get(PATH)

    page = response.context["page"]
    of_all, of_key = page.budgets
    assert (of_all.is_foreseen, of_all.likely_at) == (True, None)
    assert (of_key.is_foreseen, of_key.likely_at) == (False, None)
    text = response.content.decode()
    assert "not this month" in text
    assert "Set a budget" not in text


def test_who_pays_sets_changes_and_removes_one(payer):
    form = {"subject": "tenant", "period": "month", "amount_nanos": "25"}
    answer = payer.post("/limits/budget/", {**form, "thresholds_percent": "50, 90"})

    assert answer["Location"] == PATH
    assert Budget.objects.get().thresholds_percent == [50, 90]
    text = payer.get(PATH).content.decode()
    assert "/limits/budget/?subject=tenant&amp;period=month" in text
    payer.post("/limits/budget/remove/", {"subject": "tenant", "period": "month"})
    assert not Budget.objects.exists()


def test_who_pays_sets_no_spend_limit(payer):
    assert payer.get("/limits/spend/").status_code == 403
    assert "/limits/spend/" not in payer.get("/limits/").content.decode()


def test_who_pays_is_mailed_and_the_mail_is_listed(people, payer, valkey):
    make_budget(subject=people.tenant, amount_nanos=2 * USD, period=SpendPeriod.MONTH)
    seed()
    spend(valkey, people.api_key, USD)
    assert alert_budgets(now=datetime.now(UTC)) == 1

    assert mail.outbox[-1].to == ["olga@acme.example", "nora@acme.example"]
    response = payer.get(PATH)
    (told,) = response.context["page"].told
    assert (told.percent, told.amount_nanos, told.whose) == (50, 2 * USD, "All calls")
    ((alert,),) = [one.told for one in response.context["page"].budgets]
    assert alert.threshold_percent == 50
    assert "Budget of a month, All calls" in response.content.decode()
    assert people.client("stranger").get(PATH).context["page"].told == []


def test_without_any_it_says_what_one_is_for(people):
    text = people.client("owner").get(PATH).content.decode()

    assert "No budget" in text
    assert "None yet" in text


def test_prepaid_tenants_are_told_of_low_credit(people, payer):
    people.tenant.is_prepaid = True
    people.tenant.save()

    assert "Low credit" in payer.get(PATH).content.decode()
