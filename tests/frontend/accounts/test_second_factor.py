"""Second factors and sign-in sessions, through the pages."""

import re
import time

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.core.cache import cache
from django.urls import reverse

from tests.factories import PASSWORD, confirm_address, make_user
from tests.frontend.people import client_of

LOGIN, INDEX = "/accounts/login/", "/accounts/2fa/"
ACTIVATE, AUTHENTICATE = f"{INDEX}totp/activate/", f"{INDEX}authenticate/"
CODES = f"{INDEX}recovery-codes/"
SESSIONS = "/accounts/sessions/"
PERIOD_SECONDS = 30


def code_of(secret, periods=0):
    counter = int(time.time()) // PERIOD_SECONDS + periods
    return format_hotp_value(hotp_value(secret, counter))


@pytest.fixture
def nora(db):  # noqa: ARG001  opens the database
    user = make_user(email="nora@acme.example")
    confirm_address(user)
    return user


def sign_in(client):
    form = {"login": "nora@acme.example", "password": PASSWORD}
    return client.post(LOGIN, form)


@pytest.fixture
def client(nora):
    client = client_of(None)
    assert sign_in(client).status_code == 302
    assert is_signed_in(client, nora)
    assert "reauthenticate" in client.get(ACTIVATE)["Location"]
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    return client


def is_signed_in(client, user):
    return client.session.get("_auth_user_id") == str(user.pk)


@pytest.fixture
def secret(client):
    """The seed of an authenticator app that is set up."""
    secret = client.get(ACTIVATE).context["form"].secret
    assert client.post(ACTIVATE, {"code": code_of(secret)}).status_code == 302
    return secret


def test_it_works(client, nora, secret):
    page = client.get(INDEX).content.decode()
    assert "A code of the app is asked for" in page
    client.post("/accounts/logout/")
    answer = sign_in(client)
    assert answer["Location"] == AUTHENTICATE
    assert not is_signed_in(client, nora)
    client.post(AUTHENTICATE, {"code": code_of(secret, periods=-100)})
    assert not is_signed_in(client, nora)
    cache.clear()  # else the code is refused as used: that of the set-up is the same
    client.post(AUTHENTICATE, {"code": code_of(secret)})
    assert is_signed_in(client, nora)


DEACTIVATE = f"{INDEX}totp/deactivate/"


def test_switching_the_app_off_asks_for_the_address(client, nora, secret):
    del secret
    page = client.get(DEACTIVATE).text
    assert "<code>nora@acme.example</code>" in page
    assert "It is not the same" not in page

    for typed in ({}, {"name": ""}, {"name": "nora"}):
        client.post(DEACTIVATE, typed)
        assert Authenticator.objects.filter(user=nora, type="totp").exists()
    assert "It is not the same" in client.post(DEACTIVATE, {"name": "nora"}).text

    assert client.post(DEACTIVATE, {"name": nora.email})["Location"] == INDEX
    assert not Authenticator.objects.filter(user=nora).exists()


def test_removing_a_passkey_asks_for_its_name(client, nora):
    found = Authenticator.objects.create(
        user=nora, type="webauthn", data={"name": "Blue key", "credential": {}}
    )
    path = f"{INDEX}webauthn/keys/{found.pk}/remove/"
    assert reverse("mfa_remove_webauthn", args=[found.pk]) == path
    assert "<code>Blue key</code>" in client.get(path).text

    assert "It is not the same" in client.post(path, {"name": "Red key"}).text
    assert Authenticator.objects.filter(pk=found.pk).exists()
    assert client.post(path, {"name": "Blue key"}).status_code == 302
    assert not Authenticator.objects.filter(pk=found.pk).exists()


def test_a_passkey_is_removed_by_its_user_and_after_a_password_only(client, nora):
    """What allauth asks for is asked for still."""
    of_other = Authenticator.objects.create(
        user=make_user(), type="webauthn", data={"name": "Key", "credential": {}}
    )
    path = f"{INDEX}webauthn/keys/{of_other.pk}/remove/"
    assert client.post(path, {"name": "Key"}).status_code == 404

    of_other.user = nora
    of_other.save()
    fresh = client_of(nora)
    assert "reauthenticate" in fresh.post(path, {"name": "Key"})["Location"]
    assert LOGIN in client_of(None).post(path, {"name": "Key"})["Location"]
    assert Authenticator.objects.filter(pk=of_other.pk).exists()


def recovery_codes_of(user):
    row = Authenticator.objects.get(user=user, type="recovery_codes")
    return row.wrap().get_unused_codes()


def test_a_recovery_code_works_once(client, nora, secret):
    del secret
    code = recovery_codes_of(nora)[0]
    assert code in client.get(CODES).content.decode()
    for is_first in (True, False):
        client.post("/accounts/logout/")
        sign_in(client)
        client.post(AUTHENTICATE, {"code": code})
        assert is_signed_in(client, nora) == is_first


def test_no_seed_is_readable_in_the_database(secret):
    for row in Authenticator.objects.all():
        assert secret not in str(row.data)
        assert not re.search(r"'seed': '[0-9a-f]{40}'", str(row.data))
    cache.clear()
    totp = Authenticator.objects.get(type="totp").wrap()
    assert totp.validate_code(code_of(secret))


def test_it_refuses_a_wrong_code(client):
    client.get(ACTIVATE)
    assert client.post(ACTIVATE, {"code": "000000"}).status_code == 200
    assert not Authenticator.objects.exists()


@pytest.mark.parametrize(
    "path",
    [
        INDEX,
        ACTIVATE,
        CODES,
        f"{CODES}generate/",
        f"{INDEX}webauthn/",
        f"{INDEX}webauthn/add/",
        f"{INDEX}totp/deactivate/",
        SESSIONS,
    ],
)
def test_a_page_keeps_to_the_policy(client, secret, path):
    del secret
    answer = client.get(path, follow=True)
    assert answer.status_code == 200
    assert "'unsafe" not in answer.headers["Content-Security-Policy"]
    page = answer.content.decode()
    assert page.count("<h1") == 1
    assert " style=" not in page
    assert " on" + "click=" not in page
    for script in re.findall(r"<script([^>]*)>", page):
        assert "src=" in script or 'type="application/json"' in script


def test_anonymous_are_sent_to_the_sign_in(db):  # noqa: ARG001  opens the database
    for path in (INDEX, ACTIVATE, SESSIONS):
        assert LOGIN in client_of(None).get(path)["Location"]


def test_the_sign_in_offers_a_passkey(db):  # noqa: ARG001  opens the database
    client = client_of(None)
    assert 'id="passkey_login"' in client.get(LOGIN).content.decode()
    asked = client.get(
        f"{INDEX}webauthn/login/", headers={"accept": "application/json"}
    ).json()
    assert asked["request_options"]["publicKey"]["challenge"]


def test_it_signs_out_elsewhere(client, nora):
    other = client_of(None)
    sign_in(other)
    assert "Sign out elsewhere" in client.get(SESSIONS).content.decode()
    client.post(SESSIONS)
    assert is_signed_in(client, nora)
    assert client.get(INDEX).status_code == 200
    assert LOGIN in other.get(INDEX)["Location"]
    assert "nowhere else" in client.get(SESSIONS).content.decode()
