"""Given an owner who looks after the money, when she walks through its pages with mouse
and keyboard, then each thing she wants is done there, and what she reads is true.
"""

from datetime import timedelta

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import hotp_value, yield_hotp_counters_from_time
from django.core import mail
from django.utils import timezone
from playwright.sync_api import expect

from billing.models.payments import Payment
from billing.models.plans import Subscription
from billing.services.credit.credit_of import credit_of
from billing.services.payments.work_off_order import work_off_order
from billing.services.plans.start_subscription import start_subscription
from metering.services import shipped_up_to as shipping
from tenants.invitation_models import Invitation
from tenants.models import Budget
from tests.billing.invoices import make_buyer, make_seller
from tests.billing.paying import add_card
from tests.billing.plans import make_plan
from tests.factories import PASSWORD, confirm_address
from tests.frontend.believable import call, record
from tests.frontend.believable_invoices import make_issued

pytestmark = pytest.mark.browser

USD = 1_000_000_000


@pytest.fixture(autouse=True)
def _journals_are_shipped(settings, tmp_path, monkeypatch, valkey):  # noqa: ARG001
    monkeypatch.setattr(shipping, "WRITE_MARGIN", timedelta(0))
    settings.JOURNAL_FOLDER = tmp_path


@pytest.fixture
def olga(people, version, now, stripe_sim):
    """Forty days on a small plan, two dollars of calls a day, and a card."""
    owner = people.users["owner"]
    confirm_address(owner)
    make_buyer(people.tenant, make_seller())
    make_issued(people.tenant, version, now - timedelta(days=40))
    small = make_plan(name="Small", code="small", price_cents=5_00)
    make_plan(
        name="Large",
        code="large",
        price_cents=20_00,
        allowances=[("", "output_tokens", 500_000_000)],
    )
    start = timezone.now() - timedelta(days=35)
    start_subscription(tenant_id=people.tenant.pk, plan=small, now=start)
    calls = [
        call(
            people.api_key,
            version,
            now - timedelta(days=n),
            output_tokens=5_000_000,
            cost_nanos=2 * USD,
        )
        for n in range(30)
    ]
    record(calls, now)
    add_card(stripe_sim, people.tenant)
    return owner


def test_a_finance_person_looks_after_the_money(visit, people, olga):
    with visit(olga) as seen:
        page = seen.page
        reads_the_forecast(seen)
        follows_the_adviser(seen, people)
        sets_a_budget(seen, people)
        tops_up(seen, people)
        downloads_an_invoice(seen)
        invites_a_colleague(seen, people)
        secures_her_account(page, seen, olga)


def reads_the_forecast(seen):
    seen.open("/")
    card = seen.page.locator("#forecast")
    expect(card).to_contain_text("likely between")
    card.get_by_role("link", name="How it is made").click()
    expect(seen.page.get_by_role("heading", name="Why")).to_be_visible()
    expect(seen.page.get_by_text("the mean of the same weekday")).to_be_visible()


def follows_the_adviser(seen, people):
    """60 USD of output and 5 of a plan, against 20 with all of it included."""
    page = seen.page
    page.get_by_role("link", name="Plan", exact=True).click()
    page.get_by_role("link", name="What would I have paid?").click()
    expect(page.get_by_role("heading", name="Large would have cost")).to_be_visible()
    page.get_by_role("link", name="See the change to Large").first.click()
    expect(page.get_by_role("heading", name="Change to Large?")).to_be_visible()
    page.get_by_role("button", name="Change the plan").click()
    expect(page.get_by_text("Large holds from now on.")).to_be_visible()
    held = Subscription.objects.filter(tenant=people.tenant, ends_at=None).get()
    assert held.plan.code == "large"


def sets_a_budget(seen, people):
    page = seen.page
    page.get_by_role("link", name="Budgets and alerts").click()
    page.get_by_role("link", name="Set a budget").first.click()
    page.get_by_label("Amount, USD").fill("1000")
    page.keyboard.press("Enter")
    expect(page.get_by_text("billing members are mailed")).to_be_visible()
    expect(page.get_by_text("not this month")).to_be_visible()
    assert Budget.objects.get(tenant=people.tenant).amount_nanos == 1_000 * USD


def tops_up(seen, people):
    page = seen.page
    page.get_by_role("link", name="Credit", exact=True).click()
    page.get_by_role("link", name="Buy credit").first.click()
    page.get_by_label("Amount, USD").fill("50")
    page.get_by_role("button", name="Buy", exact=True).click()
    page.wait_for_url("**/credit/")
    expect(page.get_by_text("The card is being charged.")).to_be_visible()
    payment = Payment.objects.get()
    work_off_order(payment.stripe_order.pk, now=timezone.now())  # as a worker does
    page.reload()
    expect(page.get_by_text("$50.00").first).to_be_visible()
    assert credit_of(people.tenant) == 50 * USD


def downloads_an_invoice(seen):
    page = seen.page
    page.get_by_role("link", name="Invoices").first.click()
    page.locator("main tbody a").first.click()
    with page.expect_download() as download:
        page.get_by_role("link", name="PDF").first.click()
    assert download.value.path().read_bytes().startswith(b"%PDF")


def invites_a_colleague(seen, people):
    seen.open("/settings/members/")
    page = seen.page
    page.get_by_label("E-mail").fill("nora@acme.example")
    page.locator("#id_role").select_option("billing")
    page.get_by_role("button", name="Send the invitation").click()
    expect(page.get_by_text("nora@acme.example").first).to_be_visible()
    assert Invitation.objects.get(tenant=people.tenant).role == "billing"
    assert mail.outbox[-1].to == ["nora@acme.example"]


def secures_her_account(page, seen, olga):
    """As her app would: by the secret that the page shows."""
    seen.open("/accounts/2fa/totp/activate/")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Confirm").click()
    page.get_by_role("img", name="Code to scan").wait_for()
    secret = page.evaluate(
        """() => [...document.querySelectorAll("input, code")]
        .map((one) => (one.value || one.textContent).replaceAll(" ", ""))
        .find((text) => /^[A-Z2-7]{32,}$/.test(text))"""
    )
    counter = next(iter(yield_hotp_counters_from_time()))
    page.get_by_label("code", exact=False).last.fill(
        f"{hotp_value(secret, counter):06}"
    )
    page.keyboard.press("Enter")
    page.wait_for_url("**/accounts/2fa/**")
    expect(page.get_by_text("recovery codes").first).to_be_visible()
    assert Authenticator.objects.filter(user=olga, type="totp").exists()
