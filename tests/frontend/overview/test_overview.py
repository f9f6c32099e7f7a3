"""The first page: the way to the first call, then how the month goes."""

from datetime import timedelta

import pytest
from django.utils import timezone

from billing.models.budget_alerts import BudgetAlert
from billing.models.payments import Payment, PaymentKind, PaymentStatus
from billing.services.invoices.issue_invoice import issue_invoice
from frontend.overview.overview_month import read_health, read_month
from metering.wire import Outcome
from tenants.models import Budget, Tenant
from tests.billing.webhooks import make_endpoint
from tests.factories import make_api_key, make_budget
from tests.frontend.believable import call, record
from tests.frontend.believable_invoices import make_issued


@pytest.fixture
def used(people, version, now):
    """Two calls of 1,200 input tokens, 700 of them cached, and 90 output tokens."""
    calls = [call(people.api_key, version, now - timedelta(seconds=n)) for n in (1, 2)]
    record(calls, now)


def page_of(people, name="owner"):
    return people.client(name).get("/")


@pytest.mark.usefixtures("used")
def test_it_works(people):
    """At 100, 20 and 400 dollars for a thousand million: new, cached, output."""
    page = page_of(people)
    month = page.context["month"]
    assert (month.figures.requests, month.figures.tokens) == (2, 2_580)
    cost = 2 * (500 * 100 + 700 * 20 + 90 * 400)
    assert [(row.model, row.amount_nanos, row.percent) for row in month.models] == [
        ("smollm2-135m-instruct", cost, 100)
    ]
    assert month.saved_nanos == 2 * 700 * 80
    assert len(month.days) == 30
    assert [day.amount_nanos for day in month.days if day.requests] == [cost]
    assert page.context["health"].failed == 0
    assert "Spend this month" in page.content.decode()


@pytest.mark.usefixtures("used")
def test_nobody_sees_anothers(people):
    page = page_of(people, "stranger")
    assert "Make your first call" in page.content.decode()
    assert not page.context["month"].models


@pytest.mark.usefixtures("used")
def test_the_live_part_brings_figures_and_calls(people):
    part = people.client("owner").get("/", headers={"hx-request": "true"})
    text = part.content.decode()
    assert "Spend this month" in text
    assert 'id="latest-calls"' in text
    assert "<html" not in text


def test_a_lease_that_cost_more_than_it_saved_saved_nothing(people, version, now):
    record([call(people.api_key, version, now, cached_input_tokens=0)], now)
    assert read_month(people.tenant.pk, now=now).saved_nanos == 0


def test_it_tells_failed_calls_from_stopped_ones(people, version, now):
    outcomes = [Outcome.ENGINE_FAILED, Outcome.CLIENT_GONE, Outcome.COMPLETED]
    record([call(people.api_key, version, now, outcome=one) for one in outcomes], now)
    health = read_health(people.tenant.pk)
    assert (health.calls, health.failed, health.stopped) == (3, 1, 1)
    assert health.failed_percent == "33.3"


@pytest.mark.usefixtures("used")
class TestNotices:
    def texts(self, people):
        return [notice.text for notice in page_of(people).context["notices"]]

    def test_there_are_none_when_all_is_well(self, people):
        assert self.texts(people) == []

    def test_an_overdue_invoice_comes_first(self, people, version, now):
        make_issued(people.tenant, version, now - timedelta(days=40))
        Tenant.objects.filter(pk=people.tenant.pk).update(restriction="no_new_keys")
        self._pass_a_budget(people, now, percent=80)
        assert self.texts(people) == [
            "$12.00 of your invoices is overdue. No new keys can be made.",
            "80 % of a budget of $10.00 a month is spent.",
        ]

    def _pass_a_budget(self, people, now, *, percent):
        make_budget(subject=people.tenant, amount_nanos=10_000_000_000)
        BudgetAlert.objects.create(
            tenant=people.tenant,
            budget=Budget.objects.get(),
            period_starts_on=now.date().replace(day=1),
            threshold_percent=percent,
            amount_nanos=10_000_000_000,
            alerted_at=now,
        )

    def test_a_declined_card_of_an_open_invoice(self, people, version, now):
        invoice = make_issued(people.tenant, version, now)
        Payment.objects.create(
            tenant=people.tenant,
            invoice=invoice,
            kind=PaymentKind.CARD,
            amount_cents=1_200,
            status=PaymentStatus.FAILED,
            idempotency_key="1",
            created_at=now,
            settled_at=now,
        )
        assert self.texts(people) == ["A card payment of an open invoice was declined."]

    def test_a_key_that_expires_soon(self, people, now):
        make_api_key(project=people.project, expires_at=now + timedelta(days=3))
        make_api_key(project=people.project, expires_at=now + timedelta(days=30))
        assert self.texts(people) == ["An API key expires within a week."]

    def test_a_webhook_that_is_off(self, people):
        endpoint = make_endpoint(people.tenant)
        endpoint.is_enabled, endpoint.disabled_reason = False, "gone"
        endpoint.save()
        assert self.texts(people) == [
            "A webhook is switched off: its messages did not arrive."
        ]

    def test_a_prepaid_tenant_without_credit(self, people):
        Tenant.objects.filter(pk=people.tenant.pk).update(is_prepaid=True)
        assert self.texts(people) == ["You have no credit yet."]


@pytest.mark.usefixtures("used")
class TestSetUp:
    def steps(self, people, name="owner"):
        steps = page_of(people, name).context["set_up"]
        return {step.title: step.is_done for step in steps}

    def test_a_new_tenant_sees_what_is_left(self, people):
        assert self.steps(people) == {
            "Make the first call": True,
            "Set a budget": False,
            "Say who pays": False,
            "Invite a colleague": True,
        }

    def test_a_developer_sees_nothing_that_only_others_may_do(self, people):
        assert self.steps(people, "colleague") == {}

    def test_it_goes_with_time(self, people):
        past = timezone.now() - timedelta(days=31)
        Tenant.objects.filter(pk=people.tenant.pk).update(created_at=past)
        assert self.steps(people) == {}


def test_it_lists_the_latest_invoices(people, version, now):
    invoice = make_issued(people.tenant, version, now)
    record([call(people.api_key, version, now)], now)
    assert issue_invoice(invoice.pk, now=now) == invoice
    (shown,) = page_of(people).context["invoices"]
    assert shown.number == invoice.number
