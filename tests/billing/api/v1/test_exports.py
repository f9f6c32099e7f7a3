"""Files and pages of usage events, invoice lines and costs; of one's own alone."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from arro3.io import read_parquet
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing.models.invoices import Invoice
from billing.services.exports.export_usage import export_usage
from billing.services.invoices.issue_invoice import issue_invoice
from billing.services.rating.rate_usage import rate_usage
from tests.billing.money import spent_event, store
from tests.billing.usage import DECEMBER, NOON, draft_of, use

ISSUED = "start=2026-12-01T00:00:00Z&end=2026-12-02T00:00:00Z"


def content_of(answer):
    assert answer.status_code == 200
    return b"".join(answer.streaming_content)


def rows_of(answer):
    return list(csv.DictReader(io.StringIO(content_of(answer).decode())))


@pytest.fixture
def issued(callers, price):
    """An invoice of three days and two projects, with amounts that divide badly."""
    project = callers.tenant.projects.get()
    for day in range(3):
        for project_id in (project.pk, 10**6):
            use(
                callers.tenant,
                price,
                3_333 * (day + 1) + project_id % 7,
                hour_at=NOON - timedelta(days=day, hours=day),
                project_id=project_id,
            )
    use(callers.tenant, price, 7, meter="new_input_tokens", project_id=project.pk)
    rate_usage(now=NOON)
    issue_invoice(draft_of(callers.tenant).pk, now=DECEMBER)
    return callers


@pytest.fixture
def span(callers):
    """The address of a span in which the tenant's key made seven calls."""
    at = datetime.now(UTC).replace(microsecond=0)
    api_key = callers.tenant.api_keys.get()
    # Two of each time: the id decides their order.
    for number in range(7):
        when = at - timedelta(minutes=number // 2)
        store(spent_event(api_key, number + 1, at=when, model="smollm2"))
    start, end = at - timedelta(hours=1), at + timedelta(hours=1)
    return f"start={start:%Y-%m-%dT%H:%M:%SZ}&end={end:%Y-%m-%dT%H:%M:%SZ}"


@pytest.mark.parametrize("granularity", ["day", "hour"])
def test_costs_come_to_the_invoice(issued, granularity):
    answer = issued.key.get(f"exports/costs?{ISSUED}&granularity={granularity}")
    assert answer["content-type"] == "text/csv"
    assert "tokenfab-costs.csv" in answer["content-disposition"]
    rows = rows_of(answer)
    invoice = Invoice.objects.get(status="issued")
    total = sum(Decimal(row["BilledCost"]) for row in rows)
    assert total * 10**9 == invoice.total_nanos
    tokens = sum(Decimal(row["ConsumedQuantity"]) for row in rows)
    assert tokens == sum(line.quantity for line in invoice.lines.all())
    assert len(rows) == 7
    assert {row["InvoiceId"] for row in rows} == {invoice.number}
    assert {row["BillingCurrency"] for row in rows} == {"USD"}
    assert {row["SubAccountName"] for row in rows} == {"Default", ""}
    spans = {(row["ChargePeriodStart"], row["ChargePeriodEnd"]) for row in rows}
    first = min(spans)
    if granularity == "day":
        assert first == ("2026-11-19T00:00:00Z", "2026-11-20T00:00:00Z")
    else:
        assert first == ("2026-11-19T10:00:00Z", "2026-11-19T11:00:00Z")


def test_costs_as_parquet_are_the_same(issued):
    path = f"exports/costs?{ISSUED}"
    rows = rows_of(issued.key.get(path))
    content = content_of(issued.key.get(f"{path}&format=parquet"))
    table = read_parquet(io.BytesIO(content)).read_all()
    assert table.column("BilledCost").to_pylist() == [
        Decimal(row["BilledCost"]) for row in rows
    ]


def test_lines_are_those_of_the_invoice(issued):
    rows = rows_of(issued.key.get(f"exports/invoice_lines?{ISSUED}"))
    invoice = Invoice.objects.get(status="issued")
    assert [row["meter"] for row in rows] == list(
        invoice.lines.order_by("pk").values_list("meter", flat=True)
    )
    total = sum(Decimal(row["amount"]) for row in rows)
    assert total * 10**9 == invoice.total_nanos


def test_usage_events_are_a_file(callers, span):
    content = content_of(callers.key.get(f"exports/usage_events?{span}&format=jsonl"))
    rows = [json.loads(line) for line in content.splitlines()]
    assert sorted(row["cost_nanos"] for row in rows) == list(range(1, 8))
    times = [row["happened_at"] for row in rows]
    assert times == sorted(times)
    assert {row["model"] for row in rows} == {"smollm2"}


def test_usage_events_are_pages(callers, span):
    found, cursor = [], ""
    while True:
        page = callers.key.get(f"usage_events?{span}&limit=2{cursor}").json()
        assert len(page["data"]) <= 2
        found += page["data"]
        if not page["has_more"]:
            break
        cursor = f"&cursor={page['next_cursor']}"
    content = content_of(callers.key.get(f"exports/usage_events?{span}&format=jsonl"))
    ids = [json.loads(line)["request_id"] for line in content.splitlines()]
    assert [one["request_id"] for one in found] == ids
    assert len(set(ids)) == 7


def test_of_another_tenant_there_is_nothing(issued, span):
    assert rows_of(issued.stranger.get(f"exports/usage_events?{span}")) == []
    assert rows_of(issued.stranger.get(f"exports/costs?{ISSUED}")) == []
    assert rows_of(issued.stranger.get(f"exports/invoice_lines?{ISSUED}")) == []
    assert issued.stranger.get(f"usage_events?{span}").json()["data"] == []


def test_events_come_from_a_cursor_of_the_database(callers, span):
    """So that a year of them is never in memory."""
    del span
    at = datetime.now(UTC)
    table = export_usage(callers.tenant.pk, start=at - timedelta(hours=1), end=at)
    with CaptureQueriesContext(connection) as asked:
        assert len(list(table.rows)) == 7
    (query,) = asked.captured_queries
    assert query["sql"].startswith("DECLARE ")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"exports/teapots?{ISSUED}", 404),
        (f"exports/costs?{ISSUED}&format=xlsx", 400),
        ("exports/costs", 400),
        ("exports/costs?start=2026-12-02T00:00:00Z&end=2026-12-01T00:00:00Z", 400),
        ("usage_events?start=2020-01-01T00:00:00Z&end=2026-12-01T00:00:00Z", 400),
    ],
)
def test_it_refuses_what_is_no_file(callers, path, status):
    assert callers.key.get(path).status_code == status
