"""What staff do for one tenant: bill it, lower what it owes, give money back."""

import pytest
from django.test import Client

from billing.models.invoices import Invoice
from billing.models.payments import Payment
from billing.services.credit.credit_of import credit_of
from billing.services.invoices.issue_invoice import issue_invoice
from billing.services.rating.rate_usage import rate_usage
from billing.services.receipts.dispute_line import dispute_line
from tests.billing.api.v1.conftest import Caller
from tests.billing.usage import DECEMBER, NOON, draft_of, use
from tests.factories import make_user

DETAILS = {
    "name": "Example GmbH",
    "address": "Hauptstraße 1",
    "postcode": "10115",
    "city": "Berlin",
    "country": "DE",
    "is_business": True,
    "vat_id": "de 136 695 976",
    "email": "books@example.com",
    "reference": "PO 17",
}
ACTS = [
    ("invoices/close", {"until": "2026-12-01"}),
    ("invoices/1/issue", {}),
    ("credit_grants/1/withdraw", {"amount_nanos": 1, "reason": "r"}),
    ("payments/1/refunds", {"amount_cents": 1, "reason": "r"}),
    ("disputes/1/resolve", {"resolution": "r"}),
]
COSTLY = ["credit_grants/1/withdraw", "payments/1/refunds"]


@pytest.fixture
def draft(callers, price):
    """Of 4.00 USD."""
    use(callers.tenant, price, 10_000_000)
    rate_usage(now=NOON)
    return draft_of(callers.tenant)


@pytest.fixture
def invoice(draft):
    return issue_invoice(draft.pk, now=DECEMBER)


@pytest.fixture
def topped_up(callers):
    """A transfer of 10.00 USD that bought credit."""
    answer = callers.staff.post("bank_transfers", {"amount_cents": 10_00})
    return Payment.objects.get(pk=answer.json()["id"])


def test_it_works(callers, draft):
    path, body = f"invoices/{draft.pk}/issue", {"until": "2026-12-01"}
    first = callers.staff.post(path, body)
    assert first.status_code == 200
    assert (first.json()["status"], first.json()["total_cents"]) == ("issued", 4_00)
    assert first.json()["receipts"]["signature"]
    second = callers.staff.post(path, body)
    assert second.json()["number"] == first.json()["number"]


def test_it_refuses_to_issue_nothing(callers, draft):
    path = f"invoices/{draft.pk}/issue"
    answer = callers.staff.post(path, {"until": "2026-11-01"})
    assert answer.status_code == 409
    assert answer.json()["error"]["code"] == "nothing_to_issue"
    assert callers.staff.post(path, {"until": "0001-01-01"}).status_code == 400
    assert callers.staff.post("invoices/999/issue", {}).status_code == 404
    draft.refresh_from_db()
    assert draft.status == "draft"


def test_all_of_a_tenant_is_billed(callers, price):
    use(callers.tenant, price, 10_000_000)
    body = {"until": "2026-12-01"}
    (issued,) = callers.staff.post("invoices/close", body).json()["data"]
    assert (issued["status"], issued["total_cents"]) == ("issued", 4_00)
    assert callers.staff.post("invoices/close", body).json() == {"data": []}
    assert callers.key.get("invoices").json()["data"] == [issued]


def test_one_line_is_credited(callers, invoice):
    (line,) = callers.key.get(f"invoices/{invoice.pk}").json()["lines"]
    path = f"invoices/{invoice.pk}/credit_notes"
    body = {"reason": "sorry", "line": line["key"]}
    first = callers.staff.post(path, body | {"cents": 100})
    rest = callers.staff.post(path, body)
    assert (first.json()["total_cents"], rest.json()["total_cents"]) == (100, 300)
    wrong = callers.staff.post(path, body | {"line": "plan:7"})
    assert (wrong.status_code, wrong.json()["error"]["param"]) == (400, "line")


@pytest.mark.usefixtures("topped_up")
def test_unused_credit_is_withdrawn(callers):
    (grant,) = callers.key.get("credit_grants").json()["data"]
    path = f"credit_grants/{grant['id']}/withdraw"
    body = {"amount_nanos": 3_000_000_000, "reason": "by mistake"}
    answer = callers.staff.post(path, body)
    assert answer.json()["remaining_nanos"] == 7_000_000_000
    assert credit_of(callers.tenant) == 7_000_000_000
    more = callers.staff.post(path, body | {"amount_nanos": 8_000_000_000})
    assert (more.status_code, more.json()["error"]["code"]) == (400, "invalid_credit")


def test_what_was_paid_for_credit_is_given_back(callers, topped_up):
    path = f"payments/{topped_up.pk}/refunds"
    body = {"amount_cents": 4_00, "reason": "asked for by mail"}
    answer = callers.staff.post(path, body)
    assert answer.status_code == 201
    assert (answer.json()["status"], answer.json()["amount_cents"]) == (
        "succeeded",
        4_00,
    )
    assert callers.key.get("refunds").json()["data"] == [answer.json()]
    assert credit_of(callers.tenant) == 6_000_000_000
    more = callers.staff.post(path, body | {"amount_cents": 7_00})
    assert (more.status_code, more.json()["error"]["code"]) == (409, "not_refundable")
    assert callers.stranger.get("refunds").json()["data"] == []


def test_it_refuses_to_give_back_what_an_invoice_billed(callers, invoice):
    transfer = {"amount_cents": 4_00, "invoice_id": invoice.pk}
    paid = callers.staff.post("bank_transfers", transfer).json()
    body = {"amount_cents": 4_00, "reason": "r"}
    answer = callers.staff.post(f"payments/{paid['id']}/refunds", body)
    assert answer.json()["error"]["code"] == "not_refundable"
    assert callers.key.get("refunds").json()["data"] == []


@pytest.mark.parametrize("name", ["owner", "staff"])
def test_billing_details_are_set(callers, name):
    before = callers.key.get("billing_details").json()
    assert (before["name"], before["country"]) == (callers.tenant.name, "")
    answer = getattr(callers, name).ask("PUT", "billing_details", DETAILS)
    assert answer.status_code == 200
    assert answer.json() == DETAILS | {"vat_id": "DE136695976"}
    assert callers.key.get("billing_details").json() == answer.json()


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"vat_id": "DE136695977"}, "invalid_vat_id"),
        ({"country": "XX"}, "invalid_value"),
        ({"country": "de"}, "invalid_value"),
        ({"email": "books"}, "invalid_value"),
        ({"name": ""}, "invalid_value"),
    ],
)
def test_it_refuses_details_that_no_invoice_may_say(callers, changes, code):
    answer = callers.owner.ask("PUT", "billing_details", DETAILS | changes)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)
    assert callers.owner.get("billing_details").json()["country"] == ""


@pytest.mark.parametrize("name", ["key", "colleague"])
def test_it_refuses_details_of_others_than_owners(callers, name):
    answer = getattr(callers, name).ask("PUT", "billing_details", DETAILS)
    assert answer.status_code == 403
    assert callers.key.get("billing_details").json()["country"] == ""


def test_a_dispute_is_answered(callers, invoice):
    line = invoice.lines.get()
    dispute_line(line, by=make_user(), note="Not me.", now=DECEMBER)
    (shown,) = callers.key.get("disputes").json()["data"]
    assert (shown["line"], shown["note"], shown["status"]) == (
        line.key,
        "Not me.",
        "open",
    )
    path = f"disputes/{shown['id']}/resolve"
    silent = callers.staff.post(path, {"resolution": " "})
    assert silent.json()["error"]["code"] == "no_resolution"
    answer = callers.staff.post(path, {"resolution": "It was."})
    assert (answer.json()["status"], answer.json()["resolution"]) == (
        "resolved",
        "It was.",
    )
    assert callers.stranger.get("disputes").json()["data"] == []


@pytest.mark.parametrize("name", ["key", "owner", "colleague", "stranger"])
@pytest.mark.parametrize(("path", "body"), ACTS)
def test_it_refuses_others_than_staff(callers, path, body, name):
    answer = getattr(callers, name).post(path, body)
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "staff_required"
    assert not Invoice.objects.exists()


@pytest.mark.parametrize(("path", "body"), ACTS[1:])
def test_it_refuses_what_is_not_there(callers, path, body):
    assert callers.staff.post(path, body).status_code == 404


@pytest.mark.parametrize("path", [*COSTLY, "credit_grants", "bank_transfers"])
def test_it_refuses_staff_who_are_no_superusers(callers, path):
    client = Client()
    client.force_login(make_user(is_staff=True))
    staff = Caller(client, {"tokenfab-tenant": callers.tenant.slug})
    body = dict(ACTS).get(path, {"amount_cents": 1})
    answer = staff.post(path, body)
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "superuser_required"
