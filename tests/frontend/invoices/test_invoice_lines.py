"""From an invoice to its days, hours, calls and receipts; and the check of a line."""

import json
from datetime import timedelta

import pytest
from django.db import connection

from billing.models.disputes import LineDispute
from billing.services.invoices.issue_invoice import issue_invoice
from billing.services.rating.rate_usage import rate_usage
from billing.services.receipts.resolve_dispute import resolve_dispute
from billing.verify.run import main
from frontend.invoices.views import invoice_lines
from tests.frontend.believable import call, record
from tests.frontend.people import NAMES

MONTH = timedelta(days=40)


@pytest.fixture
def issued(invoice, now):
    return issue_invoice(invoice.pk, now=now + MONTH)


@pytest.fixture
def line(issued):
    return issued.lines.get(meter="output_tokens")


@pytest.fixture
def path(issued, line):
    return f"/invoices/{issued.pk}/lines/{line.pk}/"


def test_it_works(people, issued, path, now):
    """Each page leads to the next."""
    owner = people.client("owner")
    day, hour = f"days/{now:%Y-%m-%d}/", f"hours/{now:%Y-%m-%dT%H}/"
    assert f'href="{path}"' in owner.get(f"/invoices/{issued.pk}/").content.decode()
    page = owner.get(path)
    assert page.context["days"] == [(now.date(), 90)]
    assert f'href="{path}{day}"' in page.content.decode()
    page = owner.get(f"{path}{day}")
    assert [one.quantity for one in page.context["hours"]] == [90]
    assert f'href="{path}{hour}"' in page.content.decode()
    page = owner.get(f"{path}{hour}")
    ((one, key_name),) = page.context["requests"]
    assert (one.quantity, key_name) == (90, people.api_key.name)
    assert f'href="/receipts/{one.sequence}/"' in page.content.decode()
    page = owner.get(f"/receipts/{one.sequence}/")
    assert page.context["signed"].invoice == issued.number
    assert page.context["signed"].proof.size == 1


@pytest.mark.usefixtures("issued")
def test_a_draft_shows_what_no_invoice_bills(people, version, now):
    record([call(people.api_key, version, now, output_tokens=7)], now)
    draft = people.tenant.invoices.get(status="draft")
    line = draft.lines.get(meter="output_tokens")
    path = f"/invoices/{draft.pk}/lines/{line.pk}/"
    owner = people.client("owner")
    assert [x for _, x in owner.get(path).context["days"]] == [7]
    hour = owner.get(f"{path}hours/{now:%Y-%m-%dT%H}/")
    assert [one.quantity for one, _ in hour.context["requests"]] == [7]
    assert "not sealed yet" in hour.content.decode()
    assert owner.get(f"{path}check/").status_code == 404
    for file in ("receipts/", "receipts/csv/"):
        assert owner.get(f"/invoices/{draft.pk}/{file}").status_code == 404


def test_pages_of_an_hour_go_on_where_the_last_one_ended(
    people, version, now, monkeypatch
):
    monkeypatch.setattr(invoice_lines, "PAGE", 2)
    made = [call(people.api_key, version, now, output_tokens=n + 1) for n in range(5)]
    record(made, now)
    rate_usage(now=now)
    draft = people.tenant.invoices.get()
    line = draft.lines.get(meter="output_tokens")
    path = f"/invoices/{draft.pk}/lines/{line.pk}/hours/{now:%Y-%m-%dT%H}/"
    seen, after = [], ""
    for _ in range(3):
        page = people.client("owner").get(path, {"after": after})
        seen += [one.quantity for one, _ in page.context["requests"]]
        after = page.context["next_after"]
    assert (sorted(seen), after) == ([1, 2, 3, 4, 5], "")


@pytest.mark.parametrize("wrong", ["x", "2026-11-21_", "2026-11-21T12:00:00_00", "_"])
def test_it_refuses_places_that_no_page_linked_to(people, path, wrong, now):
    hour = f"{path}hours/{now:%Y-%m-%dT%H}/"
    assert people.client("owner").get(hour, {"after": wrong}).status_code == 404
    assert people.client("owner").get(f"{path}hours/{wrong}/").status_code == 404
    assert people.client("owner").get(f"{path}days/{wrong}/").status_code == 404


def test_the_downloads_are_verified(people, issued, tmp_path):
    owner = people.client("owner")
    for name, address in (
        ("invoice.json", f"/invoices/{issued.pk}/json/"),
        ("keys.json", "/.well-known/tokenfab-receipt-keys.json"),
        ("one.json", f"/receipts/{issued.receipt_from}/json/"),
    ):
        (tmp_path / name).write_bytes(owner.get(address).content)
    receipts = owner.get(f"/invoices/{issued.pk}/receipts/")
    content = b"".join(receipts.streaming_content)
    (tmp_path / "receipts.jsonl").write_bytes(content)
    assert json.loads(content)["tenant_id"] == people.tenant.pk
    key = ["--public-key", str(tmp_path / "keys.json")]
    invoice = str(tmp_path / "invoice.json")
    assert main([invoice, str(tmp_path / "receipts.jsonl"), *key]) == 0
    assert main([invoice, str(tmp_path / "one.json"), *key]) == 0


@pytest.mark.parametrize("name", NAMES)
def test_who_may_check_a_line_and_have_its_receipts(people, issued, path, name):
    expected = {"owner": 200, "colleague": 200, "stranger": 404}.get(name, 302)
    client = people.client(name)
    assert client.get(f"{path}check/").status_code == expected
    for file in ("receipts/", "receipts/csv/"):
        assert client.get(f"/invoices/{issued.pk}/{file}").status_code == expected
    assert client.post(f"{path}check/", {"note": "x"}).status_code == expected
    assert LineDispute.objects.exists() == (expected == 200)


def test_a_check_shows_that_it_is_the_same(people, path, now):
    page = people.client("owner").get(f"{path}check/")
    derived = page.context["derived"]
    assert (derived.is_same, dict(derived.days)) == (True, {now.date(): 90})
    assert "It is the same" in page.content.decode()
    people.client("owner").post(f"{path}check/", {"note": " "})
    assert not LineDispute.objects.exists()


def test_a_note_opens_a_dispute_once_and_its_answer_is_shown(people, path, now):
    owner = people.client("owner")
    owner.post(f"{path}check/", {"note": "I made no such call."})
    owner.post(f"{path}check/", {"note": "Again."})
    dispute = LineDispute.objects.get()
    assert (dispute.note, dispute.opened_by) == (
        "I made no such call.",
        people.users["owner"],
    )
    assert dispute.difference_nanos == 0
    resolve_dispute(dispute.pk, resolution="Your nightly job did.", now=now)
    resolve_dispute(dispute.pk, resolution="Another word.", now=now)
    assert "Your nightly job did." in owner.get(path).content.decode()


def test_what_differs_opens_a_dispute_without_a_word(people, line, path):
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("UPDATE usage_event SET output_tokens = 80")
        cursor.execute("SET session_replication_role = DEFAULT")
    page = people.client("owner").post(f"{path}check/")
    assert "It differs" in page.content.decode()
    dispute = LineDispute.objects.get(line=line)
    assert (dispute.derived_quantity, dispute.difference_nanos) == (80, 4_000)
