"""An operator's morning: a tenant, an engine, the money, and a word to everybody."""

import pytest
from playwright.sync_api import expect

from metering.status_models import Incident
from tenants.audit_models import AuditEntry, StaffEntry
from tenants.services.set_rate_limits import read_rate_limits
from tenants.wire import LimitKind
from tests.factories import make_engine, make_user
from tests.frontend.believable import a_month_of_calls, record

pytestmark = pytest.mark.browser
WHY = "Calls come from a list of stolen cards"


@pytest.fixture
def operator(people):
    del people
    return make_user(email="root@x.example", is_staff=True, is_superuser=True)


@pytest.fixture
def plant(people, version, now):
    """Two engines, and a month of calls that they answered."""
    for name in ("engine-1", "engine-2"):
        make_engine(served_model=version.served_model, name=name, checked_at=now)
    record(a_month_of_calls([people.api_key], [version], now), now)


def heading(page, text):
    expect(page.get_by_role("heading", level=1)).to_have_text(text)


def go_to(page, group, item):
    """By the menu; a group unfolds."""
    menu = page.locator(".wide-menu")
    link = menu.get_by_role("link", name=item, exact=True)
    if not link.is_visible():
        menu.locator("summary", has_text=group).click()
    link.click()


def find_tenant(page):
    page.get_by_label("Name, mail, #id, key").fill("olga@acme")
    page.keyboard.press("Enter")
    expect(page.locator("tbody tr")).to_have_count(1)
    page.get_by_role("link", name="Acme").click()
    heading(page, "Acme")


def set_its_limits(page):
    page.get_by_role("link", name="Limits", exact=True).click()
    page.get_by_label("Requests per minute").fill("500")
    page.get_by_role("button", name="Save").click()
    page.get_by_text("The limits hold within a second.").wait_for()


def suspend_and_lift(page):
    page.get_by_role("link", name="Suspend").click()
    page.get_by_label("Why").fill(WHY)
    page.get_by_label("Type its name").fill("Acme")
    page.get_by_role("button", name="Suspend").click()
    page.get_by_text("its calls are refused.").first.wait_for()
    page.get_by_role("button", name="Lift").click()
    page.get_by_text("its calls are answered again.").wait_for()


def look_as_a_member(page):
    page.get_by_role("link", name="Sign in as").click()
    page.get_by_label("Why").fill("Ticket 12: the usage page is empty")
    page.get_by_role("button", name="Look").click()
    page.get_by_text("You see Acme as olga@acme.example").wait_for()
    page.get_by_role("button", name="Stop").click()
    page.get_by_text("You are yourself again.").wait_for()


def drain_and_put_back(page):
    go_to(page, "Fleet", "Engines")
    page.get_by_role("link", name="engine-1").click()
    page.get_by_role("link", name="Drain").click()
    page.get_by_label("Why").fill("more memory")
    page.get_by_role("button", name="Drain it").click()
    page.get_by_text("engine-1 gets no new calls.").wait_for()
    page.get_by_role("button", name="Give it calls again").click()
    page.get_by_text("engine-1 gets calls again.").wait_for()


def look_at_plant_and_money(page):
    go_to(page, "Fleet", "Usage now")
    heading(page, "Usage now")
    go_to(page, "Books", "Revenue and margin")
    heading(page, "Revenue and margin")


def tell_everybody(page):
    go_to(page, "System", "Incidents")
    page.get_by_label("Title").fill("Slower first tokens")
    page.get_by_label("API", exact=True).check()
    page.get_by_label("What to tell").fill("An engine gets more memory.")
    page.get_by_role("button", name="Publish").click()
    page.get_by_role("link", name="Status page").click()
    page.get_by_text("An engine gets more memory.").wait_for()
    page.go_back()
    page.get_by_label("State").select_option("resolved")
    page.get_by_label("What to tell").fill("It is back.")
    page.get_by_role("button", name="Publish").click()
    page.get_by_role("link", name="Status page").click()
    page.get_by_role("heading", name="Past incidents").wait_for()
    page.get_by_text("It is back.").wait_for()


@pytest.mark.usefixtures("plant")
def test_it_works(visit, people, operator):
    with visit(operator) as seen:
        page = seen.page
        seen.open("/operator/")
        find_tenant(page)
        set_its_limits(page)
        suspend_and_lift(page)
        look_as_a_member(page)
        drain_and_put_back(page)
        look_at_plant_and_money(page)
        tell_everybody(page)

    assert read_rate_limits(people.tenant) == {
        (LimitKind.REQUESTS_PER_MINUTE, None): 500
    }
    of_tenant = AuditEntry.objects.filter(tenant=people.tenant).order_by("pk")
    assert list(of_tenant.values_list("action", flat=True)) == [
        "limits.rate_limits_set",
        "tenant.suspended",
        "tenant.suspension_lifted",
        "staff.signed_in_as",
        "staff.signed_out_as",
    ]
    shared = StaffEntry.objects.order_by("pk").values_list("action", flat=True)
    assert list(shared) == [
        "engine.drained",
        "engine.resumed",
        "incident.told",
        "incident.told",
    ]
    assert Incident.objects.get().resolved_at
