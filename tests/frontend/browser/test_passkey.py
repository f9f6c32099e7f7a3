"""A passkey is made, and signs in without a password: a whole ceremony."""

import pytest
from allauth.mfa.models import Authenticator
from playwright.sync_api import expect

from tests.factories import PASSWORD, confirm_address
from tests.frontend.people import HOST

pytestmark = pytest.mark.browser

# The browser's own, of Chromium's DevTools: it holds keys, and always says yes.
AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@pytest.fixture
def portal_url(portal_url):
    """A passkey belongs to a name: no browser makes one for an address of numbers."""
    return portal_url.replace(HOST, "localhost")


@pytest.fixture
def owner(people, settings):
    settings.MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = True
    owner = people.users["owner"]
    confirm_address(owner)
    return owner


def make_passkey(seen) -> None:
    session = seen.page.context.new_cdp_session(seen.page)
    session.send("WebAuthn.enable")
    session.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
    seen.open("/accounts/2fa/webauthn/add/")
    seen.page.get_by_label("Password").fill(PASSWORD)
    seen.page.get_by_role("button", name="Confirm").click()
    seen.page.get_by_label("Name").fill("Laptop")
    seen.page.get_by_label("Passwordless").check()
    seen.page.get_by_role("button", name="Add").click()
    seen.page.wait_for_url(lambda url: "/add/" not in url)


def sign_in_anew(seen) -> None:
    seen.open("/accounts/logout/")
    seen.page.get_by_role("main").get_by_role("button", name="Sign out").click()
    seen.page.wait_for_url(lambda url: "/logout/" not in url)
    seen.open("/accounts/login/")
    seen.page.get_by_role("button", name="Sign in with a passkey").click()


def test_it_works(visit, owner):
    with visit(owner) as seen:
        make_passkey(seen)
        made = Authenticator.objects.get(user=owner, type="webauthn").wrap()
        assert (made.name, made.is_passwordless) == ("Laptop", True)
        sign_in_anew(seen)
        heading = seen.page.get_by_role("heading", name="Make your first call")
        expect(heading).to_be_visible()


def test_it_refuses_one_that_was_removed(visit, owner):
    with visit(owner) as seen:
        make_passkey(seen)
        Authenticator.objects.filter(user=owner, type="webauthn").delete()
        sign_in_anew(seen)
        expect(
            seen.page.locator(".alert, .errorlist, .invalid-feedback")
        ).to_be_visible()
        assert seen.page.url.endswith("/accounts/login/")
