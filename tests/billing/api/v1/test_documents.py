"""Credit notes, voids, write-offs and money in, by the API."""

import pytest

from billing.models.auto_recharge import AutoRecharge
from billing.models.credit_notes import CreditNote
from billing.models.invoices import Invoice
from billing.models.payments import Payment
from billing.services.invoices.issue_invoice import issue_invoice
from billing.services.rating.rate_usage import rate_usage
from tests.billing.usage import DECEMBER, NOON, draft_of, use

STAFF_ACTS = ("credit_notes", "void", "write_off")
TERMS = {
    "threshold_nanos": 5_000_000_000,
    "amount_cents": 20_00,
    "monthly_max_cents": 100_00,
}


@pytest.fixture
def invoice(callers, price):
    """Of 4.00 USD."""
    use(callers.tenant, price, 10_000_000)
    rate_usage(now=NOON)
    return issue_invoice(draft_of(callers.tenant).pk, now=DECEMBER)


def test_it_works(callers, invoice):
    answer = callers.staff.post(
        f"invoices/{invoice.pk}/credit_notes", {"reason": "sorry", "cents": 100}
    )
    assert answer.status_code == 201
    (listed,) = callers.key.get("credit_notes").json()["data"]
    assert listed == answer.json()
    assert (listed["kind"], listed["total_cents"]) == ("goodwill", 100)
    shown = callers.key.get(f"credit_notes/{listed['id']}").json()
    assert (shown["number"], shown["total_cents"]) == (listed["number"], 100)
    assert shown["invoice_number"] == invoice.number


def test_a_credit_note_of_another_tenant_is_not_there(callers, invoice):
    path = f"invoices/{invoice.pk}/credit_notes"
    note = callers.staff.post(path, {"reason": "sorry"}).json()
    assert callers.stranger.get(f"credit_notes/{note['id']}").status_code == 404
    assert callers.stranger.get("credit_notes").json()["data"] == []


def test_a_repeat_credits_nothing_more(callers, invoice):
    path = f"invoices/{invoice.pk}/credit_notes"
    body = {"reason": "sorry", "cents": 100}
    first = callers.staff.post(path, body, idempotency_key="one")
    second = callers.staff.post(path, body, idempotency_key="one")
    assert first.json() == second.json()
    assert CreditNote.objects.filter(number__isnull=False).count() == 1


def test_it_refuses_to_credit_more_than_was_billed(callers, invoice):
    answer = callers.staff.post(
        f"invoices/{invoice.pk}/credit_notes", {"reason": "sorry", "cents": 401}
    )
    assert answer.status_code == 409
    assert answer.json()["error"]["code"] == "not_creditable"


@pytest.mark.parametrize(
    ("act", "status"), [("void", "void"), ("write_off", "uncollectible")]
)
def test_staff_end_an_invoice(callers, invoice, act, status):
    path = f"invoices/{invoice.pk}/{act}"
    answer = callers.staff.post(path, {"reason": "agreed by mail"})
    assert answer.json()["status"] == status
    invoice.refresh_from_db()
    assert invoice.status == status


@pytest.mark.parametrize("act", STAFF_ACTS)
@pytest.mark.parametrize("name", ["key", "owner", "colleague", "stranger"])
def test_it_refuses_others_than_staff(callers, invoice, act, name):
    caller = getattr(callers, name)
    answer = caller.post(f"invoices/{invoice.pk}/{act}", {"reason": "please"})
    assert answer.status_code == 403
    invoice.refresh_from_db()
    assert invoice.status == "issued"


def test_it_refuses_to_void_a_draft(callers, price):
    use(callers.tenant, price, 10_000_000)
    rate_usage(now=NOON)
    draft = draft_of(callers.tenant)
    answer = callers.staff.post(f"invoices/{draft.pk}/void", {"reason": "no"})
    assert answer.status_code == 409


def test_a_bank_transfer_pays_an_invoice(callers, invoice):
    body = {"amount_cents": 400, "invoice_id": invoice.pk, "note": "T17"}
    answer = callers.staff.post("bank_transfers", body)
    assert answer.status_code == 201
    assert answer.json()["status"] == "succeeded"
    assert Invoice.objects.get(pk=invoice.pk).status == "paid"
    (listed,) = callers.key.get("payments").json()["data"]
    assert listed == answer.json()
    again = callers.staff.post("bank_transfers", body)
    assert again.status_code == 409
    assert again.json()["error"]["code"] == "nothing_due"


def test_it_refuses_a_transfer_that_a_tenant_says_it_made(callers):
    answer = callers.owner.post("bank_transfers", {"amount_cents": 400})
    assert answer.status_code == 403
    assert not Payment.objects.exists()


def test_credit_is_bought_by_a_card_that_is_kept(callers):
    answer = callers.owner.post("top_ups", {"amount_cents": 10_00})
    assert answer.status_code == 409
    assert answer.json()["error"]["code"] == "no_card"
    assert callers.key.post("top_ups", {"amount_cents": 10_00}).status_code == 403


def test_auto_recharge_is_set_and_stopped(callers):
    assert callers.key.get("auto_recharge").json()["is_enabled"] is False
    assert callers.key.ask("PUT", "auto_recharge", TERMS).status_code == 403
    answer = callers.owner.ask("PUT", "auto_recharge", TERMS)
    assert answer.json() == TERMS | {"is_enabled": True}
    assert callers.owner.ask("DELETE", "auto_recharge").status_code == 204
    assert not AutoRecharge.objects.get().is_enabled
    less = TERMS | {"monthly_max_cents": 1_00}
    assert callers.owner.ask("PUT", "auto_recharge", less).status_code == 400
