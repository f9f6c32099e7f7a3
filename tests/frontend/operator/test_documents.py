"""What operators do with invoices, and what they are shown before."""

from datetime import timedelta

import pytest

from billing.models.credit_notes import CreditNote
from billing.models.invoice_ends import InvoiceEnd
from billing.models.invoices import Invoice
from billing.models.issue_blocks import IssueBlock
from tests.frontend.believable_invoices import make_issued


@pytest.fixture
def issued(people, version, now):
    """10 USD and 2 of tax."""
    return make_issued(people.tenant, version, now)


@pytest.fixture
def operator(people):
    return people.client("staff")


def address(invoice: Invoice, act: str = "") -> str:
    return f"/operator/invoices/{invoice.pk}/" + (f"{act}/" if act else "")


def typed(**changes):
    return {
        "line": "",
        "amount": "",
        "target": "credit",
        "reason": "slow answers",
        "key": "K1",
        **changes,
    }


def test_it_works(operator, issued):
    """First what it comes to, then the note."""
    where = address(issued, "credit")
    shown = operator.post(where, typed(amount="5"))

    text = shown.content.decode()
    assert shown.status_code == 200
    assert not CreditNote.objects.exists()
    for words in ("5.00 USD", "1.00 USD", "6.00 USD", "Issue the credit note"):
        assert words in text

    response = operator.post(where, typed(amount="5", confirm="1"))

    assert response["Location"] == address(issued)
    note = CreditNote.objects.get()
    assert (note.total_cents, note.tax_cents, note.reason) == (600, 100, "slow answers")
    assert note.number in operator.get(address(issued)).content.decode()


def test_a_second_press_makes_no_second_note(operator, issued):
    for _ in range(2):
        operator.post(address(issued, "credit"), typed(amount="5", confirm="1"))

    assert CreditNote.objects.count() == 1


def test_one_line_is_credited_whole(operator, issued):
    line = issued.lines.get()

    operator.post(address(issued, "credit"), typed(line=str(line.pk), confirm="1"))

    assert CreditNote.objects.get().lines.get().amount_cents == line.amount_cents


@pytest.mark.parametrize("amount", ["10.01", "0.001", "-1", "many"])
def test_it_refuses_what_is_not_there_to_be_credited(operator, issued, amount):
    response = operator.post(
        address(issued, "credit"), typed(amount=amount, confirm="1")
    )

    assert response.status_code == 422
    assert not CreditNote.objects.exists()


def test_it_refuses_a_credit_note_without_a_reason(operator, issued):
    response = operator.post(address(issued, "credit"), typed(reason="", confirm="1"))

    assert response.status_code == 422
    assert not CreditNote.objects.exists()


def test_an_invoice_is_voided_with_its_consequences_shown(operator, issued):
    text = operator.get(address(issued, "void")).content.decode()
    for words in ("No longer owed", "12.00 USD", "Billed anew"):
        assert words in text

    operator.post(address(issued, "void"), {"reason": "wrong buyer"})

    issued.refresh_from_db()
    assert issued.status == "void"
    assert InvoiceEnd.objects.get().reason == "wrong buyer"
    page = operator.get(address(issued)).content.decode()
    assert "Void" not in page.partition("<h1")[0]
    assert address(issued, "void") not in page


def test_it_refuses_to_void_what_was_credited(operator, issued):
    operator.post(address(issued, "credit"), typed(amount="5", confirm="1"))

    response = operator.post(address(issued, "void"), {"reason": "wrong buyer"})

    assert response.status_code == 422
    assert "credit the rest" in response.content.decode()


def test_an_invoice_is_written_off(operator, issued):
    assert "12.00 USD" in operator.get(address(issued, "write-off")).content.decode()

    operator.post(address(issued, "write-off"), {"reason": "insolvent"})

    issued.refresh_from_db()
    assert issued.status == "uncollectible"


def test_a_draft_is_issued_for_a_part_of_its_month(operator, invoice, now):
    until = (now + timedelta(days=1)).date()
    assert "Paid by credit" in operator.get(address(invoice, "issue")).content.decode()

    response = operator.post(address(invoice, "issue"), {"until": until.isoformat()})

    assert response.status_code == 302
    invoice.refresh_from_db()
    assert invoice.number == f"TF-{now.year}-000001"


def test_it_refuses_a_month_that_still_runs(operator, invoice):
    response = operator.post(address(invoice, "issue"), {"until": ""})

    assert response.status_code == 422
    assert "month still runs" in response.content.decode()


def test_acts_are_offered_where_they_are_possible(operator, invoice, issued):
    draft, final = (
        operator.get(address(one)).content.decode() for one in (invoice, issued)
    )

    assert address(invoice, "issue") in draft
    assert address(invoice, "void") not in draft
    assert address(issued, "issue") not in final
    for act in ("credit", "void", "write-off"):
        assert address(issued, act) in final


def test_blocked_documents_say_why_and_since_when(operator, people, invoice, now):
    assert "Nothing is blocked" in operator.get("/operator/blocked/").content.decode()
    IssueBlock.objects.create(
        tenant=people.tenant,
        invoice=invoice,
        code="unreconciled",
        reason="A day drifted.",
        since=now,
    )

    text = operator.get("/operator/blocked/").content.decode()
    assert "A day drifted." in text
    assert address(invoice) in text
    assert "1 blocked" in operator.get("/operator/invoices/").content.decode()


def test_the_tenant_is_offered_none_of_it(people, issued):
    text = people.client("owner").get(f"/invoices/{issued.pk}/").content.decode()

    assert "/operator/" not in text
