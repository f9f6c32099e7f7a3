"""The admin's own scripts run under the policy that we give it."""

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser


def test_it_works(visit, people):
    staff = people.users["staff"]
    staff.is_superuser = True
    staff.save()
    with visit(staff) as seen:
        seen.open("/admin/")
        seen.screenshot("1280-light", "admin")
        seen.open("/admin/tenants/tenant/")
        expect(seen.page.get_by_role("link", name="Acme").first).to_be_visible()
        seen.screenshot("1280-light", "admin-tenants")
