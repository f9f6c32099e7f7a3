"""What a finance person asks: what would it have cost, and what will it cost."""

from datetime import timedelta

import msgspec
import pytest
from django.utils import timezone
from playwright.sync_api import expect

from billing.models.plans import PlanKind
from billing.services.alerts.alert_budgets import alert_budgets
from billing.services.plans.start_subscription import start_subscription
from metering.services import shipped_up_to as shipping
from tenants.domain.roles import Role
from tenants.wire import SpendPeriod
from tests.billing.credit import give
from tests.billing.money import seed
from tests.billing.plans import make_coupon, make_plan
from tests.factories import (
    make_api_key,
    make_budget,
    make_engine,
    make_member,
    make_user,
)
from tests.frontend.believable import (
    DEARER_RATES,
    RATES,
    a_month_of_calls,
    call,
    priced_second_model,
    record,
)
from tests.frontend.believable_leases import leases_in_every_state
from tests.frontend.believable_prompts import make_capacities

pytestmark = pytest.mark.browser

USD = 1_000_000_000


@pytest.fixture
def offered(db):  # noqa: ARG001  opens the database
    """A free, a prepaid and two monthly plans."""
    make_plan(
        name="Free", kind=PlanKind.FREE, price_cents=0, credit_cents=5_00, code="free"
    )
    make_plan(name="Payg", kind=PlanKind.PAY_AS_YOU_GO, price_cents=0, code="payg")
    make_plan(name="Prepaid", kind=PlanKind.PREPAID, price_cents=0, code="prepaid")
    return make_plan(
        name="Team Pro",
        code="pro",
        price_cents=2_00,
        percentage_basis_points=150,
        allowances=[("", "output_tokens", 40_000_000), ("", "new_input_tokens", 10**7)],
    )


@pytest.fixture
def busy(people, version, now, offered):
    """Thirty days of two models, with leases, on a plan."""
    engine = make_engine(served_model=version.served_model, checked_at=now)
    make_capacities(engine, now)
    second = priced_second_model()
    calls = a_month_of_calls([people.api_key], [version, second], now)
    size = 300
    record([one_with(one, size) for one in calls], now)
    forms, _ = make_api_key(project=people.project, name="Form letters")
    alike = [
        call(
            forms,
            version,
            now - timedelta(seconds=n),
            cached_input_tokens=1_100,
        )
        for n in range(90)
    ]
    record(alike, now)
    leases_in_every_state(people.api_key, version, engine, now)
    start = timezone.now() - timedelta(days=50)
    start_subscription(tenant_id=people.tenant.pk, plan=offered, now=start)
    make_coupon()


def one_with(event, times):
    """As many tokens, and what the counters of money were charged for them."""
    new, cached, output = RATES if event.model.startswith("smollm2") else DEARER_RATES
    input_tokens = event.input_tokens * times
    cached_tokens = event.cached_input_tokens * times
    output_tokens = event.output_tokens * times
    femtos = (input_tokens - cached_tokens) * new + cached_tokens * cached
    return msgspec.structs.replace(
        event,
        input_tokens=input_tokens,
        cached_input_tokens=cached_tokens,
        output_tokens=output_tokens,
        cost_nanos=(femtos + output_tokens * output) // 10**6,
    )


@pytest.mark.usefixtures("busy")
def test_the_adviser_can_be_shown(visit, people):
    with visit(people.users["owner"]) as seen:
        seen.open("/plan/advice/")
        seen.screenshots("adviser")


@pytest.mark.usefixtures("offered")
def test_without_use_the_adviser_says_so(visit, people):
    with visit(people.users["owner"]) as seen:
        seen.open("/plan/advice/")
        seen.screenshots("empty-adviser")


@pytest.mark.usefixtures("busy")
def test_the_forecast_can_be_shown(visit, people):
    make_budget(subject=people.tenant, amount_nanos=110 * USD)
    give(people.tenant, 5 * USD)
    with visit(people.users["owner"]) as seen:
        seen.open("/billing/forecast/")
        seen.screenshots("forecast")
        seen.open("/billing/")
        seen.screenshots("billing-with-forecast")
        seen.open("/")
        expect(seen.page.locator("#forecast")).to_contain_text("likely between")
        seen.screenshots("overview-with-forecast")


def test_too_little_use_for_a_forecast_can_be_shown(visit, people):
    with visit(people.users["owner"]) as seen:
        seen.open("/billing/forecast/")
        seen.screenshots("empty-forecast")


@pytest.fixture
def shipped(settings, tmp_path, monkeypatch):
    monkeypatch.setattr(shipping, "WRITE_MARGIN", timedelta(0))
    settings.JOURNAL_FOLDER = tmp_path


@pytest.fixture
def told(people, busy, valkey, shipped):  # noqa: ARG001
    """Budgets of all kinds, and who was told of them."""
    make_budget(subject=people.tenant, amount_nanos=110 * USD)
    make_budget(subject=people.project, amount_nanos=50 * USD)
    make_budget(subject=people.api_key, amount_nanos=5 * USD, period=SpendPeriod.DAY)
    seed()
    alert_budgets(now=timezone.now())


@pytest.mark.usefixtures("told")
def test_budgets_can_be_shown_to_who_pays(visit, people):
    nora = make_user(email="nora@acme.example")
    make_member(tenant=people.tenant, user=nora, role=Role.BILLING)
    with visit(nora) as seen:
        seen.open("/budgets/")
        seen.screenshots("budgets")


@pytest.mark.usefixtures("busy")
def test_the_forecasts_picture_is_read_by_keys_and_saved(visit, people):
    with visit(people.users["owner"]) as seen:
        page = seen.page
        seen.open("/billing/forecast/")
        page.get_by_role("img", name="What the month came to").focus()
        page.keyboard.press("ArrowLeft")
        expect(page.locator("#announcements")).to_contain_text("01 Dec 00:00 UTC: $")
        page.keyboard.press("ArrowLeft")
        expect(page.locator("#announcements")).to_contain_text("30 Nov 00:00 UTC: $")
        with page.expect_download() as download:
            page.get_by_role("button", name="PNG").click()
        saved = download.value.path().read_bytes()
        assert saved.startswith(b"\x89PNG")
        assert len(saved) > 4_000
