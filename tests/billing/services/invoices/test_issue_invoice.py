"""A draft becomes final."""

from datetime import timedelta

import pytest

from billing.errors import (
    InvoiceNotFoundError,
    NothingToIssueError,
    PeriodNotOverError,
    UnpricedUsageError,
)
from billing.models.invoices import Invoice
from billing.services.invoices.issue_invoice import issue_invoice
from billing.services.rating.rate_usage import rate_usage
from metering.models import UsageRollup
from tests.billing.usage import (
    DECEMBER,
    NOON,
    NOVEMBER,
    balances,
    check_books,
    draft_of,
    drafts_of,
    lines_of,
    use,
)
from tests.factories import make_tenant

DAY = timedelta(days=1)
MIDNIGHT = NOON.replace(hour=0)


@pytest.fixture
def draft(tenant, price):
    """15,000 tokens * 400 nanos = 0.6 cents, and 12,000 * 100 = 0.12 cents."""
    use(tenant, price, 15_000)
    use(tenant, price, 12_000, meter="new_input_tokens", hour_at=NOON - DAY)
    rate_usage(now=NOON)
    return draft_of(tenant)


def test_it_works(tenant, draft):
    """0.6 cents are rounded to 1, 0.12 to 0; so 1 cent is owed for 0.72."""
    invoice = issue_invoice(draft.pk, now=DECEMBER)

    invoice.refresh_from_db()
    assert (invoice.status, invoice.number) == ("issued", "TF-2026-000001")
    assert invoice.issued_at == DECEMBER
    assert (invoice.period_start, invoice.period_end) == (NOVEMBER, DECEMBER)
    assert (invoice.total_cents, invoice.total_nanos) == (1, 7_200_000)
    assert lines_of(invoice) == [
        ("new_input_tokens", 12_000, 1_200_000, 0),
        ("output_tokens", 15_000, 6_000_000, 1),
    ]
    assert balances(tenant) == {
        "receivable": 10_000_000,
        "revenue": -7_200_000,
        "rounding": -2_800_000,
        "unbilled": 0,
    }
    assert not drafts_of(tenant)
    check_books(tenant)


def test_a_second_call_changes_nothing(tenant, draft):
    first = issue_invoice(draft.pk, now=DECEMBER)

    again = issue_invoice(draft.pk, now=DECEMBER + DAY)

    assert (again.number, again.issued_at) == (first.number, DECEMBER)
    assert Invoice.objects.count() == 1
    check_books(tenant)


def test_usage_that_came_after_the_last_rating_is_on_it(tenant, price, draft):
    use(tenant, price, 1_000)

    invoice = issue_invoice(draft.pk, now=DECEMBER)

    assert invoice.total_nanos == 7_200_000 + 400_000
    check_books(tenant)


def test_numbers_have_no_gap_and_begin_anew_each_year(price):
    numbers = []
    for now in (DECEMBER, DECEMBER + DAY, DECEMBER + 31 * DAY):
        tenant = make_tenant()
        use(tenant, price, 10)
        rate_usage(now=now)
        numbers.append(issue_invoice(draft_of(tenant).pk, now=now).number)

    assert numbers == ["TF-2026-000001", "TF-2026-000002", "TF-2027-000001"]


def test_a_part_of_a_month_is_billed_until_a_time(tenant, draft):
    """Only the hours before; the rest is on a new draft of the month."""
    invoice = issue_invoice(draft.pk, now=NOON, until=MIDNIGHT)

    assert (invoice.period_start, invoice.period_end) == (NOVEMBER, MIDNIGHT)
    assert lines_of(invoice) == [("new_input_tokens", 12_000, 1_200_000, 0)]
    rest = draft_of(tenant)
    assert rest.pk != invoice.pk
    assert (rest.period_start, rest.period_end) == (NOVEMBER, DECEMBER)
    assert lines_of(rest) == [("output_tokens", 15_000, 6_000_000, 1)]
    check_books(tenant)


def test_a_month_in_parts_costs_what_it_costs_in_one(tenant, draft):
    issue_invoice(draft.pk, now=NOON, until=MIDNIGHT)
    issue_invoice(draft_of(tenant).pk, now=DECEMBER)

    totals = Invoice.objects.values_list("total_nanos", flat=True)
    assert sum(totals) == 7_200_000
    check_books(tenant)


def test_late_usage_of_a_billed_part_is_on_the_next_invoice(tenant, price, draft):
    issue_invoice(draft.pk, now=NOON, until=MIDNIGHT)
    use(tenant, price, 500, meter="new_input_tokens", hour_at=NOON - DAY)
    rate_usage(now=NOON)

    second = issue_invoice(draft_of(tenant).pk, now=NOON, until=MIDNIGHT)

    assert lines_of(second) == [("new_input_tokens", 500, 50_000, 0)]
    check_books(tenant)


def test_a_time_after_the_month_bills_the_month(draft):
    invoice = issue_invoice(draft.pk, now=NOON, until=DECEMBER + DAY)

    assert invoice.period_end == DECEMBER


def test_it_refuses_a_month_that_still_runs(tenant, draft):
    with pytest.raises(PeriodNotOverError):
        issue_invoice(draft.pk, now=DECEMBER - timedelta(microseconds=1))

    assert draft_of(tenant) == draft


def test_it_refuses_a_time_before_all_usage(tenant, draft):
    with pytest.raises(NothingToIssueError):
        issue_invoice(draft.pk, now=NOON, until=NOVEMBER + DAY)

    assert lines_of(draft_of(tenant)) == lines_of(draft)
    check_books(tenant)


def test_it_refuses_a_draft_that_has_nothing_left(draft):
    UsageRollup.objects.all().delete()

    with pytest.raises(NothingToIssueError):
        issue_invoice(draft.pk, now=DECEMBER)


def test_it_refuses_while_some_usage_has_no_price(tenant, price, draft):
    use(tenant, price, 1, model="other")

    with pytest.raises(UnpricedUsageError):
        issue_invoice(draft.pk, now=DECEMBER)

    assert draft_of(tenant) == draft
    check_books(tenant)


def test_it_refuses_an_invoice_that_is_not_there(draft):
    with pytest.raises(InvoiceNotFoundError):
        issue_invoice(draft.pk + 1, now=DECEMBER)
