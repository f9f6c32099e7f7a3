"""An invoice and its receipts, asked of the API, hold offline."""

import csv
import io
import json
import subprocess
import sys

import pytest

from billing.services.invoices.issue_invoice import issue_invoice
from billing.services.rating.rate_usage import rate_usage
from config.environment import REPOSITORY
from tests.billing.usage import DECEMBER, NOON, draft_of, use


@pytest.fixture
def invoice(callers, price):
    for number in range(3):
        use(callers.tenant, price, 15_000 + number)
    rate_usage(now=NOON)
    return issue_invoice(draft_of(callers.tenant).pk, now=DECEMBER)


@pytest.fixture
def files(callers, invoice, tmp_path):
    """Invoice, receipts, keys, as they are answered."""
    answers = {
        "invoice.json": callers.key.get(f"invoices/{invoice.pk}"),
        "receipts.jsonl": callers.key.get(f"invoices/{invoice.pk}/receipts"),
        "keys.json": callers.nobody.client.get(
            "/.well-known/tokenfab-receipt-keys.json"
        ),
    }
    for name, answer in answers.items():
        assert answer.status_code == 200
        content = b"".join(answer.streaming_content if answer.streaming else answer)
        (tmp_path / name).write_bytes(content)
    return tmp_path


def verify(folder):
    command = [
        sys.executable,
        "-m",
        "billing.verify",
        str(folder / "invoice.json"),
        str(folder / "receipts.jsonl"),
        "--public-key",
        str(folder / "keys.json"),
    ]
    return subprocess.run(  # the command is ours
        command, cwd=REPOSITORY, check=False, capture_output=True, text=True
    )


def test_it_works(files):
    done = verify(files)
    assert done.returncode == 0, done.stdout
    assert "3 receipts are chained and lead to the Merkle root" in done.stdout


def test_it_refuses_another_total(files):
    invoice = json.loads((files / "invoice.json").read_text())
    invoice["total_cents"] += 1
    (files / "invoice.json").write_text(json.dumps(invoice))
    done = verify(files)
    assert done.returncode == 1
    assert "WRONG" in done.stdout


def test_receipts_are_a_table_too(callers, invoice):
    answer = callers.key.get(f"invoices/{invoice.pk}/receipts?format=csv")
    assert answer["content-type"] == "text/csv"
    assert f"{invoice.number}-receipts.csv" in answer["content-disposition"]
    content = b"".join(answer.streaming_content).decode()
    rows = list(csv.DictReader(io.StringIO(content)))
    assert sorted(row["output_tokens.quantity"] for row in rows) == [
        "15000",
        "15001",
        "15002",
    ]


def test_it_refuses_another_form(callers, invoice):
    answer = callers.key.get(f"invoices/{invoice.pk}/receipts?format=parquet")
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "format")


def test_a_draft_and_what_is_of_another_tenant_have_none(callers, invoice, price):
    path = f"invoices/{invoice.pk}/receipts"
    assert callers.stranger.get(path).status_code == 404
    use(callers.tenant, price, 1, hour_at=DECEMBER)
    rate_usage(now=DECEMBER)
    draft = callers.tenant.invoices.get(status="draft")
    assert callers.key.get(f"invoices/{draft.pk}/receipts").status_code == 404
    assert callers.key.get(f"invoices/{draft.pk}").json()["receipts"] is None
