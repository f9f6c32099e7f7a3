"""The receipts of an invoice as a table, which says what the JSON lines say."""

import csv
import io
import json

import pytest

from billing.domain.rating import METER_NAMES
from billing.encoding import FileFormat, write_table
from billing.services.invoices.issue_invoice import issue_invoice
from billing.services.rating.rate_usage import rate_usage
from billing.services.receipts.write_receipts import receipt_lines, receipt_table
from metering.domain.merkle import merkle_root
from metering.domain.receipts import ReceiptCharge
from tests.billing.usage import DECEMBER, NOON, draft_of, use


@pytest.fixture
def invoice(tenant, price):
    use(tenant, price, 15_000)
    use(tenant, price, 900, meter="cached_input_tokens")
    rate_usage(now=NOON)
    return issue_invoice(draft_of(tenant).pk, now=DECEMBER)


def rows_of(invoice):
    content = b"".join(write_table(receipt_table(invoice), FileFormat.CSV))
    return list(csv.DictReader(io.StringIO(content.decode())))


def lines_of(invoice):
    content = b"".join(receipt_lines(invoice))
    return [json.loads(line) for line in content.splitlines()]


def test_it_works(invoice):
    rows = rows_of(invoice)
    assert len(rows) == invoice.receipt_count == 2
    amounts = {
        row["kind"]: row["output_tokens.amount"]
        for row in rows
        if row["output_tokens.quantity"] == "15000"
    }
    assert amounts == {"call": "0.006"}
    root = merkle_root(bytes.fromhex(row["hash"]) for row in rows)
    assert root.hex() == invoice.merkle_root


def test_the_table_says_what_the_lines_say(invoice):
    for row, line in zip(rows_of(invoice), lines_of(invoice), strict=True):
        charges = line.pop("charges")
        told = {name: row[name] for name in line}
        assert told == {
            name: "" if value is None else str(value) for name, value in line.items()
        }
        for meter in METER_NAMES:
            for field in ReceiptCharge.__struct_fields__:
                value = charges.get(meter, {}).get(field)
                assert row[f"{meter}.{field}"] == ("" if value is None else str(value))


def test_it_is_long_in_flat_pieces(tenant, price):
    """More receipts than go into one piece of a file."""
    for number in range(501):
        use(tenant, price, number + 1)
    rate_usage(now=NOON)
    invoice = issue_invoice(draft_of(tenant).pk, now=DECEMBER)
    pieces = list(receipt_lines(invoice))
    assert [piece.count(b"\n") for piece in pieces] == [500, 1]
    assert len(lines_of(invoice)) == len(rows_of(invoice)) == 501
