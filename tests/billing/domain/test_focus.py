"""FOCUS rows of a line come to the line, whatever it is shared out by."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from billing.domain.charges import ChargeKind
from billing.domain.focus import BilledLine, Part, column_name, focus_rows, shares

NOVEMBER = datetime(2026, 11, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def make_line(**changes):
    values: dict[str, Any] = {
        "document_number": "TF-2026-000001",
        "issuer": "Seller Ltd",
        "tenant_slug": "acme",
        "tenant_name": "Acme",
        "month_start": NOVEMBER,
        "month_end": NOVEMBER + 30 * DAY,
        "currency": "EUR",
        "kind": ChargeKind.USAGE,
        "description": "Output tokens, smollm2",
        "model": "smollm2",
        "meter": "output_tokens",
        "price_version_id": 7,
        "quantity": 10,
        "rate_nanos_per_million": 400_000_000,
        "gross_nanos": 4_000,
        "amount_nanos": 3_601,
        "is_correction": False,
    }
    return BilledLine(**(values | changes))


def part(day, weight, project_id=1):
    return Part(
        start=NOVEMBER + day * DAY,
        end=NOVEMBER + (day + 1) * DAY,
        project_id=project_id,
        project_name="Default",
        weight=weight,
    )


def test_it_works():
    """10 tokens, 3 on the first day and 7 on the second."""
    first, second = focus_rows(make_line(), [part(0, 3), part(1, 7)])
    assert [first.consumed_quantity, second.consumed_quantity] == [3, 7]
    assert first.billed_cost == Decimal("0.00000108")
    assert second.billed_cost == Decimal("0.000002521")
    assert first.billed_cost + second.billed_cost == Decimal("0.000003601")
    assert first.list_cost == Decimal("0.0000012")
    assert (first.charge_category, first.charge_class) == ("Usage", None)
    assert (first.pricing_unit, first.list_unit_price) == (
        "1000000 Tokens",
        Decimal("0.4"),
    )
    assert first.pricing_quantity == Decimal("0.000003")
    assert (first.sub_account_id, first.sub_account_type) == ("1", "Project")


def test_a_plan_is_bought_and_not_used():
    line = make_line(kind=ChargeKind.PLAN, meter="", model="")
    (row,) = focus_rows(line, [part(0, 1, None)])
    assert (row.charge_category, row.charge_frequency) == ("Purchase", "Recurring")
    assert (row.consumed_quantity, row.pricing_quantity, row.sku_id) == (None,) * 3
    assert row.billed_cost == Decimal("0.000003601")


def test_a_credit_note_corrects():
    line = make_line(
        quantity=-10, gross_nanos=-3_601, amount_nanos=-3_601, is_correction=True
    )
    rows = list(focus_rows(line, [part(0, 3), part(1, 7)]))
    assert {row.charge_class for row in rows} == {"Correction"}
    assert sum(row.billed_cost for row in rows) == Decimal("-0.000003601")
    assert [row.consumed_quantity for row in rows] == [-3, -7]


def test_columns_are_named_as_the_specification_does():
    assert column_name("billed_cost") == "BilledCost"
    assert column_name("sku_price_id") == "SkuPriceId"


@given(
    st.integers(min_value=-(10**18), max_value=10**18),
    st.lists(st.integers(min_value=0, max_value=10**15), min_size=1, max_size=50),
)
def test_shares_come_to_the_whole(total, weights):
    if sum(weights) == 0:
        weights[0] = 1
    found = shares(total, weights)
    assert sum(found) == total
    for share, weight in zip(found, weights, strict=True):
        assert abs(share * sum(weights) - total * weight) < sum(weights)


def test_a_share_of_nothing_is_nothing():
    assert shares(10, [0, 1, 0]) == [0, 10, 0]
    assert shares(0, [1, 2]) == [0, 0]
