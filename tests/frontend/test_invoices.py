import csv
import io
import json
from datetime import timedelta

from billing.services.issue_invoice import issue_invoice


def test_it_works(people, invoice):
    response = people.client("owner").get(f"/invoices/{invoice.pk}/")
    text = response.content.decode()
    assert "This is a draft, as of" in text
    lines = response.context["lines"]
    assert [line.meter_title for line in lines] == [
        "New input tokens",
        "Cached input tokens",
        "Output tokens",
    ]
    assert [line.amount_nano_usd for line in lines] == [50_000, 14_000, 36_000]
    for amount in ("$0.00005", "$0.000014", "$0.000036", "$0.0001", "$0.10"):
        assert amount in text


def test_an_issued_invoice_has_its_number_and_no_draft_mark(people, invoice, now):
    issue_invoice(invoice.pk, now=now + timedelta(days=40))
    invoice.refresh_from_db()
    text = people.client("owner").get(f"/invoices/{invoice.pk}/").content.decode()
    assert invoice.number in text
    assert "This is a draft" not in text


def test_the_downloads_agree_with_the_page(people, invoice):
    owner = people.client("owner")
    response = owner.get(f"/invoices/{invoice.pk}/csv/")
    rows = list(
        csv.DictReader(io.StringIO(b"".join(response.streaming_content).decode()))
    )
    assert [row["quantity_tokens"] for row in rows] == ["500", "700", "90"]
    assert [row["amount_exact_usd"] for row in rows] == [
        "0.00005",
        "0.000014",
        "0.000036",
    ]
    document = json.loads(owner.get(f"/invoices/{invoice.pk}/json/").content)
    assert document["total_nano_usd"] == 100_000
    assert [line["quantity"] for line in document["lines"]] == [500, 700, 90]


def test_strangers_see_none_and_learn_what_opens_one(people, invoice):  # noqa: ARG001  there is one
    response = people.client("stranger").get("/invoices/")
    assert list(response.context["invoices"]) == []
    assert "No invoice yet" in response.content.decode()
