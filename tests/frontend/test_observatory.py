"""Each kind of answer, by the rules of Mozilla's HTTP Observatory."""

import pytest
from django.http import HttpResponse

from tests.frontend.observatory import A_PLUS, score_of
from tests.frontend.people import client_of
from tests.frontend.test_pages import rows  # noqa: F401  a fixture

PUBLIC = {
    "a page": ("/", 200),
    "a form": ("/accounts/login/", 200),
    "the way to it": ("/keys/", 302),
    "no page": ("/nothing/here/", 404),
    "an answer for machines": ("/healthz", 200),
    "the management API's refusal": ("/api/v1/invoices", 401),
    "the schema": ("/api/v1/openapi.json", 200),
    "a static file": ("/static/frontend/portal.css", 200),
    "a static file that is not there": ("/static/nothing.css", 404),
    "a redirect to a file": ("/favicon.ico", 302),
}
OWNERS = {
    "a page": ("/usage/", 200),
    "a page with another policy": ("/playground/", 200),
    "a page that leads to the payment page": ("/billing/", 200),
    "a page that is refused": ("/operator/", 403),
    "nobody's row": ("/keys/0/", 404),
    "a file": ("/invoices/{invoice}/pdf/", 200),
    "a file that is streamed": ("/usage/usage.csv", 200),
    "JSON": ("/invoices/{invoice}/json/", 200),
    "an act that was not meant": ("/settings/tenant/", 405),
}


@pytest.fixture(autouse=True)
def _https(settings):
    """As an installation with a public address has it; `test_security_headers.py` has
    how the address decides.
    """
    settings.SECURE_HSTS_SECONDS = 31_536_000
    settings.API_URL = "https://api.tokens.example"
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = True


def check(response, status: int) -> None:
    response.close()  # a static file is open
    assert response.status_code == status
    score, rules = score_of(response)
    assert score >= A_PLUS, rules
    assert min(rules.values()) >= 0, rules


@pytest.mark.parametrize(("path", "status"), PUBLIC.values(), ids=list(PUBLIC))
def test_what_everybody_gets_is_an_a_plus(db, path, status):  # noqa: ARG001  opens the database
    check(client_of(None).get(path, secure=True), status)


@pytest.mark.parametrize(("path", "status"), OWNERS.values(), ids=list(OWNERS))
def test_what_a_tenant_gets_is_an_a_plus(people, rows, path, status):  # noqa: F811  the fixture
    path = path.format(**rows)
    check(people.client("owner").get(path, secure=True), status)


def test_a_part_that_refreshes_itself_is_an_a_plus(people):
    headers = {"hx-request": "true"}
    check(people.client("owner").get("/", secure=True, headers=headers), 200)


def test_whoever_signs_in_gets_cookies_as_they_should_be(people):
    client = client_of(None)
    typed = {"login": people.users["owner"].email, "password": "wrong"}
    shown = client.get("/accounts/login/", secure=True)
    assert shown.cookies["csrftoken"]["secure"]
    check(client.post("/accounts/login/", typed, secure=True), 200)


def test_the_admin_is_an_a_plus_though_it_compiles_expressions(people):
    score, rules = score_of(people.client("staff").get("/admin/", secure=True))
    assert rules["csp"] == -10
    assert score >= A_PLUS, rules


@pytest.mark.parametrize(
    ("headers", "most"),
    [
        ({}, 30),
        ({"Content-Security-Policy": "default-src *"}, 35),
        ({"Content-Security-Policy": "default-src 'none'"}, 60),
        (
            {
                "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
                "Strict-Transport-Security": "max-age=31536000",
            },
            95 + 15,
        ),
    ],
)
def test_less_scores_less(headers, most):
    assert score_of(HttpResponse(headers=headers))[0] <= most


def test_a_script_of_another_host_and_a_loose_cookie_score_less():
    page = HttpResponse('<script src="https://cdn.example/x.js"></script>')
    assert score_of(page)[1]["scripts"] == -50
    page.set_cookie("sessionid", "x")
    assert score_of(page)[1]["cookies"] == -40
