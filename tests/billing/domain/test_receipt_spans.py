"""Spans of receipts, without those that are billed already."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from billing.domain.receipt_spans import ReceiptSpan, unbilled_spans

NOVEMBER = datetime(2026, 11, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def span(first_day, end_day, after, last) -> ReceiptSpan:
    return ReceiptSpan(
        starts_at=NOVEMBER + first_day * DAY,
        ends_at=NOVEMBER + end_day * DAY,
        after_sequence=after,
        last_sequence=last,
    )


SPANS = st.builds(
    span, st.integers(0, 5), st.integers(0, 5), st.integers(0, 5), st.integers(0, 5)
)


def _has(found: ReceiptSpan, day: int, sequence: int) -> bool:
    at = NOVEMBER + day * DAY
    return (
        found.starts_at <= at < found.ends_at
        and found.after_sequence < sequence <= found.last_sequence
    )


def test_it_works():
    """Ten days were billed up to place 100; then the whole month, at place 250."""
    assert unbilled_spans(span(0, 30, 0, 250), [span(0, 10, 0, 100)]) == [
        span(0, 10, 100, 250),
        span(10, 30, 0, 250),
    ]


def test_what_was_never_billed_is_one_span():
    assert unbilled_spans(span(0, 30, 0, 9), []) == [span(0, 30, 0, 9)]


def test_nothing_is_left_of_what_is_billed():
    assert unbilled_spans(span(0, 10, 0, 9), [span(0, 30, 0, 9)]) == []
    assert unbilled_spans(span(0, 10, 0, 0), []) == []


def test_a_voided_invoice_in_the_middle_is_billed_anew():
    """The first of three is void, so only the other two are among the billed."""
    billed = [span(0, 30, 100, 200), span(0, 30, 200, 210)]
    assert unbilled_spans(span(0, 30, 0, 215), billed) == [
        span(0, 30, 0, 100),
        span(0, 30, 210, 215),
    ]


@given(SPANS, st.lists(SPANS, max_size=4))
def test_each_receipt_is_in_exactly_one_span_or_billed(wanted, billed):
    left = unbilled_spans(wanted, billed)
    for day in range(6):
        for sequence in range(7):
            is_due = _has(wanted, day, sequence) and not any(
                _has(one, day, sequence) for one in billed
            )
            assert sum(_has(one, day, sequence) for one in left) == is_due
