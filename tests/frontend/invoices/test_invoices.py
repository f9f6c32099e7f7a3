import csv
import io
import json
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pypdf import PdfReader

from billing.models.invoices import Invoice
from billing.models.payments import Payment, PaymentStatus
from billing.services.invoices.issue_invoice import issue_invoice
from tests.frontend.believable_invoices import (
    make_credit_note,
    make_issued,
    make_seller,
)


@pytest.fixture
def issued(people, version, now):
    return make_issued(people.tenant, version, now)


def page(people, path):
    return people.client("owner").get(path).content.decode()


def test_it_works(people, invoice):
    response = people.client("owner").get(f"/invoices/{invoice.pk}/")
    text = response.content.decode()
    assert "This is a draft, as of" in text
    (group,) = response.context["groups"]
    assert [row.title for row in group.rows] == [
        "New input tokens",
        "Cached input tokens",
        "Output tokens",
    ]
    amounts = [row.line.amount_nanos for row in group.rows]
    assert amounts == [50_000, 14_000, 36_000]
    for amount in ("$0.00005", "$0.000014", "$0.000036", "$0.0001", "$0.10"):
        assert amount in text


def test_an_issued_invoice_says_who_what_and_how_to_pay(people, issued):
    text = page(people, f"/invoices/{issued.pk}/")
    assert "This is a draft" not in text
    for words in (
        issued.number,
        "Tokenfab Example GmbH",
        "10115 Berlin",
        "VAT ID DE136695976",
        "Acme SARL",
        "Your reference: PO 7",
        "25,000,000",
        "VAT 20 % (FR)",
        "$2.00",
        "Amount due",
        "$12.00",
        "How to pay",
        "DE89370400440532013000",
    ):
        assert words in text


def test_what_was_paid_and_credited_is_no_longer_due(people, version, now):
    note = make_credit_note(people.tenant, version, now)
    Payment.objects.create(
        tenant=people.tenant,
        invoice=note.invoice,
        kind="bank_transfer",
        amount_cents=500,
        status=PaymentStatus.SUCCEEDED,
        idempotency_key="1",
        created_at=now,
        settled_at=now,
    )
    response = people.client("owner").get(f"/invoices/{note.invoice_id}/")
    assert response.context["document"].due_cents == 1200 - 500 - 240
    text = response.content.decode()
    assert "Paid by bank transfer" in text
    assert f"Credit note {note.number}" in text
    assert "Sorry for the wait" in text


def test_an_overdue_invoice_says_so(people, version, now):
    issued = make_issued(people.tenant, version, now - timedelta(days=40))
    assert "Overdue" in page(people, f"/invoices/{issued.pk}/")
    assert "$12.00 of it overdue" in page(people, "/invoices/")


def test_a_void_invoice_says_that_nothing_is_owed(people, issued):
    Invoice.objects.filter(pk=issued.pk).update(status="void")
    text = page(people, f"/invoices/{issued.pk}/")
    assert "nothing of it is owed" in text
    assert "How to pay" not in text


def test_the_list_sums_up_and_filters(people, invoice, version, now):
    issued = make_issued(people.tenant, version, now)
    owner = people.client("owner")
    response = owner.get("/invoices/")
    assert {row.pk for row in response.context["invoices"]} == {invoice.pk, issued.pk}
    sums = response.context["sums"]
    assert (sums.due_cents, sums.overdue_cents, sums.paid_cents) == (1200, 0, 0)
    assert sums.draft_nanos == 100_000
    for status, expected in {
        "open": {issued.pk},
        "draft": {invoice.pk},
        "paid": set(),
        "nonsense": {invoice.pk, issued.pk},
    }.items():
        rows = owner.get(f"/invoices/?status={status}").context["invoices"]
        assert {row.pk for row in rows} == expected


def test_the_downloads_agree_with_the_page(people, invoice):
    owner = people.client("owner")
    response = owner.get(f"/invoices/{invoice.pk}/csv/")
    rows = list(
        csv.DictReader(io.StringIO(b"".join(response.streaming_content).decode()))
    )
    assert [row["quantity"] for row in rows] == ["500", "700", "90"]
    assert [row["amount_exact"] for row in rows] == [
        "0.00005",
        "0.000014",
        "0.000036",
    ]
    document = json.loads(owner.get(f"/invoices/{invoice.pk}/json/").content)
    assert document["total_nanos"] == 100_000
    assert [line["quantity"] for line in document["lines"]] == [500, 700, 90]


def test_the_pdf_is_a_file_with_the_e_invoice(people, issued):
    response = people.client("owner").get(f"/invoices/{issued.pk}/pdf/")
    assert response["Content-Type"] == "application/pdf"
    assert f'filename="{issued.number}.pdf"' in response["Content-Disposition"]
    pdf = PdfReader(io.BytesIO(response.content))
    assert "USD 12.00" in pdf.pages[0].extract_text()
    assert list(pdf.attachments) == ["factur-x.xml"]


def test_staff_read_the_same_pdf(people, issued):
    mine = people.client("owner").get(f"/invoices/{issued.pk}/pdf/")
    theirs = people.client("staff").get(f"/operator/invoices/{issued.pk}/pdf/")
    assert theirs.content == mine.content


def test_a_credit_note_has_a_page_and_files(people, version, now):
    note = make_credit_note(people.tenant, version, now)
    text = page(people, f"/credit-notes/{note.pk}/")
    assert "Sorry for the wait" in text
    assert "$2.40" in text
    assert note.number in page(people, "/invoices/")
    owner = people.client("owner")
    document = json.loads(owner.get(f"/credit-notes/{note.pk}/json/").content)
    assert (document["net_cents"], document["tax_cents"]) == (200, 40)
    pdf = PdfReader(io.BytesIO(owner.get(f"/credit-notes/{note.pk}/pdf/").content))
    assert "Credited in total" in pdf.pages[0].extract_text()


def test_a_draft_shows_the_tax_of_today(people, invoice):
    make_seller()
    assert "VAT 19 % (DE)" in page(people, f"/invoices/{invoice.pk}/")


def test_an_issued_draft_has_its_number(people, invoice, now):
    issue_invoice(invoice.pk, now=now + timedelta(days=40))
    invoice.refresh_from_db()
    assert f"Invoice {invoice.number}" in page(people, f"/invoices/{invoice.pk}/")


def test_strangers_see_none_and_learn_what_opens_one(people, invoice):  # noqa: ARG001  there is one
    response = people.client("stranger").get("/invoices/")
    assert list(response.context["invoices"]) == []
    assert "No invoice yet" in response.content.decode()


def test_more_of_everything_asks_no_more(people, version, now):
    """Lines, payments and credit notes; 16 at most, the session's among them."""
    issued = make_issued(people.tenant, version, now, months_ago=2)
    note = make_credit_note(people.tenant, version, now)
    for number in range(3):
        Payment.objects.create(
            tenant=people.tenant,
            invoice=note.invoice,
            kind="card",
            amount_cents=100,
            status=PaymentStatus.SUCCEEDED,
            idempotency_key=str(number),
            created_at=now,
            settled_at=now,
        )

    def count(path: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            assert people.client("owner").get(path).status_code == 200
        return len(queries)

    count("/invoices/")  # signs in
    plain = count(f"/invoices/{issued.pk}/")
    assert count(f"/invoices/{note.invoice_id}/") <= plain <= 16
    assert count(f"/credit-notes/{note.pk}/") <= 16
