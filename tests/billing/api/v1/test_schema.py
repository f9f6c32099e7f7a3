"""The API against its own document: no failure, and nothing that is not documented.

Schemathesis makes requests, right and wrong ones, always the same: few for each
operation and caller. Each goes out as it was made and, where it names something by its
id, for a thing that is there.
"""

import pytest
import schemathesis
from django.core.cache import cache
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from django.utils.crypto import get_random_string
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.core.result import Ok

from billing.services.invoices.issue_invoice import issue_invoice
from billing.services.payments.record_bank_transfer import record_bank_transfer
from billing.services.rating.rate_usage import rate_usage
from billing.services.receipts.dispute_line import dispute_line
from billing.services.webhooks.ping_webhook import ping_webhook
from tests.billing.plans import make_coupon
from tests.billing.usage import DECEMBER, NOON, draft_of, use
from tests.billing.webhooks import make_endpoint
from tests.factories import make_budget, make_user

EXAMPLES = 5
load_all_checks()
CHECKED = CHECKS.get_by_names(
    [
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_headers_conformance",
        "response_schema_conformance",
    ]
)
SCHEMA = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", get_wsgi_application())
OPERATIONS = {
    found.ok().label: found.ok()
    for found in SCHEMA.get_all_operations()
    if isinstance(found, Ok)
}


@pytest.fixture(autouse=True)
def _requests_leave_the_connection_open():
    """It holds the test's transaction; Django's own test client does the same."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def ids(callers, price):
    """Of things of the tenant that paths name."""
    tenant = callers.tenant
    use(tenant, price, 1_000_000)
    rate_usage(now=NOON)
    issue_invoice(draft_of(tenant).pk, now=DECEMBER)
    endpoint, invoice = make_endpoint(tenant), tenant.invoices.get()
    paid = record_bank_transfer(
        tenant=tenant,
        amount_cents=100,
        invoice=None,
        note="",
        idempotency_key="T17",
        now=DECEMBER,
    )
    line, coupon = invoice.lines.get(), make_coupon()
    disputed = dispute_line(line, by=make_user(), note="Not me.", now=DECEMBER)
    assert disputed.dispute is not None
    return {
        "invoice_id": invoice.pk,
        "price_version_id": price.pk,
        "payment_id": paid.pk,
        "grant_id": tenant.credit_grants.get().pk,
        "dispute_id": disputed.dispute.pk,
        "code": coupon.code,
        "budget_id": make_budget(subject=tenant).pk,
        "endpoint_id": str(endpoint.public_id),
        "message_id": ping_webhook(endpoint, now=DECEMBER).message_id,
    }


@pytest.mark.parametrize("name", ["owner", "key", "staff", "nobody"])
@pytest.mark.parametrize("label", OPERATIONS)
def test_it_answers_as_its_document_says(callers, ids, label, name):
    headers = dict(getattr(callers, name).headers)
    if name == "owner":
        cookie = callers.owner.client.cookies["sessionid"].value
        token = get_random_string(32)  # as Django makes it; the same in both places
        headers["Cookie"] = f"sessionid={cookie}; csrftoken={token}"
        headers["X-CSRFToken"] = token

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=OPERATIONS[label].as_strategy())
    def ask(case):
        cache.clear()  # what counts requests
        case.call_and_validate(headers=headers, checks=CHECKED)
        if case.path_parameters:
            case.path_parameters = {
                key: ids.get(key, value) for key, value in case.path_parameters.items()
            }
            case.call_and_validate(headers=headers, checks=CHECKED)

    ask()


def test_every_operation_is_asked():
    assert len(OPERATIONS) >= 60


def test_every_post_wants_an_idempotency_key():
    posts = [label for label in OPERATIONS if label.startswith("POST ")]
    wanting = [
        label
        for label in posts
        if any(
            one["name"] == "Idempotency-Key" and one["required"]
            for one in OPERATIONS[label].definition.raw["parameters"]
        )
    ]
    assert wanting == posts
    assert len(posts) >= 25
