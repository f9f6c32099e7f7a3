"""Projects, invitations and second factors, as pictures and with axe."""

import pytest

from tenants.domain.roles import Role
from tests.factories import (
    PASSWORD,
    confirm_address,
    make_member,
    make_project,
    make_user,
)
from tests.frontend.browser.axe import barriers
from tests.frontend.browser.test_screenshots import LOOKS, folder_of, take
from tests.tenants.invitations import invite


@pytest.mark.parametrize("look", LOOKS, ids=folder_of)
def test_they_can_be_shown(visit, people, now, look):
    owner = people.users["owner"]
    make_member(tenant=people.tenant, user=make_user(), role=Role.BILLING)
    make_project(tenant=people.tenant, name="Search")
    issued = invite(people.tenant, owner, now, email="nora@acme.example")
    member = people.tenant.members.latest("pk")
    pages = {
        "member-remove": f"/settings/members/{member.pk}/remove/",
        "projects": "/settings/projects/",
        "project-archive": f"/settings/projects/{people.project.pk}/archive/",
        "second-factor": "/accounts/2fa/",
        "signed-in": "/accounts/sessions/",
    }
    folder = folder_of(look)
    take(visit, owner, folder, pages, **look)
    link = {"invitation": f"/invitations/{issued.secret}/"}
    take(visit, None, folder, link, **look)
    sign_in_as = f"/operator/tenants/{people.tenant.pk}/sign-in-as/"
    take(visit, people.users["staff"], folder, {"sign-in-as": sign_in_as}, **look)


def test_an_authenticator_app_is_set_up_and_a_passkey_offered(visit, people):
    owner = people.users["owner"]
    confirm_address(owner)
    with visit(owner) as seen:
        seen.open("/accounts/2fa/totp/activate/")
        seen.page.get_by_label("Password").fill(PASSWORD)
        seen.page.get_by_role("button", name="Confirm").click()
        seen.page.get_by_role("img", name="Code to scan").wait_for()
        assert not barriers(seen.page)
        seen.screenshots("authenticator-app")
        seen.open("/accounts/2fa/webauthn/add/")
        seen.page.get_by_role("button", name="Add").wait_for()
        assert not barriers(seen.page)
        seen.screenshots("passkey-add")


def test_staff_see_a_banner(visit, people):
    member = people.tenant.members.earliest("pk")
    with visit(people.users["staff"]) as seen:
        seen.open(f"/operator/tenants/{people.tenant.pk}/sign-in-as/")
        seen.page.get_by_label("As", exact=True).select_option(str(member.pk))
        seen.page.get_by_label("Why").fill("Ticket 12")
        seen.page.get_by_role("button", name="Look").click()
        seen.page.get_by_text("You can look and change nothing.").wait_for()
        assert not barriers(seen.page)
        seen.screenshots("signed-in-as")
        seen.page.get_by_role("button", name="Stop").click()
        seen.page.get_by_text("You are yourself again.").wait_for()
