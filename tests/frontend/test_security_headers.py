import pytest

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


def test_billing_alone_leads_to_the_payment_page(people):
    policy = policy_of(people.client("owner").get("/billing/"))
    assert policy["form-action"] == (
        "'self' https://checkout.stripe.com https://billing.stripe.com"
    )
    assert policy["script-src"] == policy["style-src"] == "'self'"
