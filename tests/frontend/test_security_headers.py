import os
import subprocess
import sys

import pytest

from config.environment import REPOSITORY
from tests.frontend.people import client_of

PATHS = ("/", "/healthz", "/status/", "/accounts/login/", "/nothing/here/")


def policy_of(response) -> dict[str, str]:
    parts = response["Content-Security-Policy"].split("; ")
    return dict(part.split(" ", 1) for part in parts)


@pytest.mark.parametrize("path", PATHS)
def test_every_page_forbids_what_is_not_ours(db, path):  # noqa: ARG001  opens the database
    policy = policy_of(client_of(None).get(path))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == "'self'"
    assert policy["form-action"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert "unsafe" not in str(policy)


def test_the_admin_alone_is_looser_and_still_has_no_inline_script(people):
    response = people.client("staff").get("/admin/")
    assert response.status_code == 200
    policy = policy_of(response)
    assert policy["script-src"] == "'self' 'unsafe-eval'"
    assert policy["default-src"] == "'none'"


def test_the_playground_alone_calls_the_api(people, settings):
    settings.API_URL = "https://api.tokens.example/some/path"
    policy = policy_of(people.client("owner").get("/playground/"))
    assert policy["connect-src"] == "'self' https://api.tokens.example"
    assert policy["script-src"] == policy["style-src"] == "'self'"
    assert policy_of(people.client("owner").get("/keys/"))["connect-src"] == "'self'"


def test_billing_alone_leads_to_the_payment_page(people):
    policy = policy_of(people.client("owner").get("/billing/"))
    assert policy["form-action"] == (
        "'self' https://checkout.stripe.com https://billing.stripe.com"
    )
    assert policy["script-src"] == policy["style-src"] == "'self'"


GZIP = {"accept-encoding": "gzip"}


def test_pages_are_compressed_and_secrets_are_not(people):
    owner = people.client("owner")
    assert owner.get("/keys/", headers=GZIP)["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in owner.get("/keys/")
    assert "Content-Encoding" not in owner.get("/usage/usage.csv", headers=GZIP)
    form_id = owner.get("/keys/new/").context["form"]["form_id"].value()
    typed = {"name": "CI", "form_id": form_id}
    created = owner.post("/keys/new/", typed, headers=GZIP)
    assert "tf_live_" in created.content.decode()
    assert "Content-Encoding" not in created


STATIC = "/static/frontend/portal.css"
ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


@pytest.mark.parametrize("path", [*PATHS, "/admin/login/", "/api/v1/invoices", STATIC])
def test_every_answer_says_what_others_may_do_with_it(db, path):  # noqa: ARG001  opens the database
    response = client_of(None).get(path)
    response.close()  # a static file is open
    assert {name: response.get(name) for name in ALWAYS} == ALWAYS
    assert policy_of(response)["frame-ancestors"] == "'none'"
    assert "camera=()" in response["Permissions-Policy"]
    assert "Access-Control-Allow-Origin" not in response


def test_pages_are_not_framed_by_old_browsers_either(people):
    assert people.client("owner").get("/")["X-Frame-Options"] == "DENY"


def test_over_https_the_browser_stays_there(people, settings):
    settings.SECURE_HSTS_SECONDS = 31_536_000
    client = client_of(people.users["owner"])
    response = client.get("/", secure=True)
    assert response["Strict-Transport-Security"] == "max-age=31536000"
    assert "Strict-Transport-Security" not in client.get("/")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://tokens.example", "31536000 True True True Lax Lax"),
        ("http://127.0.0.1:8000", "0 False False True Lax Lax"),
    ],
)
def test_a_public_address_makes_cookies_secure(url, expected):
    script = (
        "from config import settings as s; print(s.SECURE_HSTS_SECONDS,"
        " s.SESSION_COOKIE_SECURE, s.CSRF_COOKIE_SECURE, s.SESSION_COOKIE_HTTPONLY,"
        " s.SESSION_COOKIE_SAMESITE, s.CSRF_COOKIE_SAMESITE)"
    )
    told = subprocess.run(
        [sys.executable, "-c", script],
        cwd=REPOSITORY,
        env={**os.environ, "PORTAL_URL": url},
        capture_output=True,
        check=True,
        text=True,
    )
    assert told.stdout.strip() == expected
