"""The admin's own scripts run under the policy that we give it."""

import pytest
from playwright.sync_api import expect

from tenants.models import RateLimit
from tests.factories import make_budget, make_rate_limit, make_spend_limit

pytestmark = pytest.mark.browser


def test_it_works(visit, people):
    staff = people.users["staff"]
    staff.is_superuser = True
    staff.save()
    with visit(staff) as seen:
        seen.open("/admin/")
        seen.screenshot("1440-light", "admin")
        seen.open("/admin/tenants/tenant/")
        expect(seen.page.get_by_role("link", name="Acme").first).to_be_visible()
        seen.screenshot("1440-light", "admin-tenants")


def test_limits_are_edited_beside_what_they_limit(visit, people):
    staff = people.users["staff"]
    staff.is_superuser = True
    staff.save()
    make_rate_limit(subject=people.tenant, amount=3000)
    make_spend_limit(subject=people.tenant)
    make_budget(subject=people.project)
    with visit(staff) as seen:
        page = seen.page
        seen.open(f"/admin/tenants/tenant/{people.tenant.pk}/change/")
        seen.screenshot("1440-light", "admin-tenant")
        page.get_by_label("Is prepaid").check()
        page.locator("[name=ratelimits-0-amount]").fill("2000")
        page.get_by_role("button", name="Save", exact=True).click()
        page.get_by_text("was changed successfully").wait_for()
    people.tenant.refresh_from_db()
    assert people.tenant.is_prepaid
    assert RateLimit.objects.get().amount == 2000
