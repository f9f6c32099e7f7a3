"""Changed rollups into rated usage, ledger and draft."""

from datetime import timedelta

import pytest

from billing.models.credit_notes import CreditNote
from billing.models.invoices import Invoice
from billing.models.ledger import LedgerTransaction
from billing.models.price_books import PriceBook
from billing.models.rating import BillingPeriod, RatedCharge
from billing.services.invoices.issue_invoice import issue_invoice
from billing.services.rating.rate_usage import RETRY_AFTER, RatingReport, rate_usage
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
    make_price,
    use,
)
from tests.factories import make_tenant

NOTHING = RatingReport(rated=0, refused=0)
ONE = RatingReport(rated=1, refused=0)
REFUSED = RatingReport(rated=0, refused=1)


def test_it_works(tenant, price):
    """37 output tokens at 0.40 USD per million are 37 * 400 = 14,800 nanos; 1,000
    new input tokens at 0.10 are 100,000 nanos.
    """
    use(tenant, price, 37)
    use(tenant, price, 1_000, meter="new_input_tokens")
    use(tenant, price, 2, meter="requests")

    assert rate_usage(now=NOON) == ONE

    draft = draft_of(tenant)
    assert lines_of(draft) == [
        ("new_input_tokens", 1_000, 100_000, 0),
        ("output_tokens", 37, 14_800, 0),
    ]
    assert (draft.total_nanos, draft.total_cents) == (114_800, 0)
    assert (draft.period_start, draft.period_end) == (NOVEMBER, DECEMBER)
    assert balances(tenant) == {"unbilled": 114_800, "revenue": -114_800}
    check_books(tenant)


def test_keys_and_hours_are_added_up_before_they_are_multiplied(tenant):
    """At half a nano a token, one token rounds to 1, but four are 2, and not 4."""
    fine = make_price(rates=(0, 0, 500))
    for hours in range(4):
        use(tenant, fine, 1, hour_at=NOON - timedelta(hours=hours), api_key_id=hours)

    rate_usage(now=NOON)

    assert draft_of(tenant).total_nanos == 2


def test_growth_is_one_more_transaction(tenant, price):
    use(tenant, price, 10)
    rate_usage(now=NOON)
    use(tenant, price, 5)

    assert rate_usage(now=NOON) == ONE

    references = LedgerTransaction.objects.order_by("id").values_list(
        "reference", flat=True
    )
    assert list(references) == [f"usage:{tenant.pk}:2026-11:{n}" for n in (1, 2)]
    assert balances(tenant)["unbilled"] == 15 * 400
    assert lines_of(draft_of(tenant)) == [("output_tokens", 15, 6_000, 0)]


def test_what_did_not_change_is_not_rated_again(tenant, price):
    use(tenant, price, 10)
    rate_usage(now=NOON)

    assert rate_usage(now=NOON) == NOTHING


def test_a_rebuilt_rollup_that_is_the_same_changes_nothing(tenant, price):
    use(tenant, price, 10)
    rate_usage(now=NOON)
    draft = draft_of(tenant)
    UsageRollup.objects.all().delete()
    use(tenant, price, 10)

    assert rate_usage(now=NOON + timedelta(hours=1)) == ONE

    assert LedgerTransaction.objects.count() == 1
    assert draft_of(tenant).refreshed_at == draft.refreshed_at
    check_books(tenant)


def test_a_rebuilt_rollup_that_is_less_lowers_the_draft(tenant, price):
    use(tenant, price, 10)
    use(tenant, price, 10, meter="new_input_tokens")
    rate_usage(now=NOON)
    UsageRollup.objects.filter(meter="new_input_tokens").delete()
    use(tenant, price, -3)

    assert rate_usage(now=NOON) == ONE

    assert lines_of(draft_of(tenant)) == [("output_tokens", 7, 2_800, 0)]
    check_books(tenant)


def test_a_draft_with_nothing_left_is_taken_away(tenant, price):
    use(tenant, price, 10)
    rate_usage(now=NOON)
    UsageRollup.objects.all().delete()

    rate_usage(now=NOON)

    assert not Invoice.objects.exists()
    assert not RatedCharge.objects.exists()
    assert balances(tenant) == {"unbilled": 0, "revenue": 0}


def test_usage_moved_to_another_month_changes_both(tenant, price):
    use(tenant, price, 10)
    rate_usage(now=NOON)

    UsageRollup.objects.update(hour_at=DECEMBER)

    assert rate_usage(now=DECEMBER) == RatingReport(rated=2, refused=0)
    assert not drafts_of(tenant)
    assert draft_of(tenant, DECEMBER).total_nanos == 4_000
    check_books(tenant)


def test_months_begin_at_midnight_utc(tenant, price):
    use(tenant, price, 1, hour_at=DECEMBER - timedelta(hours=1))
    use(tenant, price, 2, hour_at=DECEMBER)

    assert rate_usage(now=DECEMBER).rated == 2

    assert draft_of(tenant, NOVEMBER).total_nanos == 400
    assert draft_of(tenant, DECEMBER).total_nanos == 800


def test_free_usage_is_shown_and_books_nothing(tenant):
    price = make_price(rates=(0, 0, 0))
    use(tenant, price, 10)

    assert rate_usage(now=NOON) == ONE

    assert lines_of(draft_of(tenant)) == [("output_tokens", 10, 0, 0)]
    assert balances(tenant) == {}
    check_books(tenant)


def test_requests_alone_make_no_invoice(tenant, price):
    use(tenant, price, 3, meter="requests")

    assert rate_usage(now=NOON) == ONE
    assert not Invoice.objects.exists()


def test_late_usage_after_issuing_opens_a_new_draft(tenant, price):
    use(tenant, price, 1_000)
    rate_usage(now=NOON)
    issued = issue_invoice(draft_of(tenant).pk, now=DECEMBER)
    use(tenant, price, 50)

    rate_usage(now=DECEMBER)

    assert lines_of(draft_of(tenant)) == [("output_tokens", 50, 20_000, 0)]
    assert lines_of(issued) == [("output_tokens", 1_000, 400_000, 0)]
    check_books(tenant)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"price_version_id": 999}, "price version 999, which is not there"),
        ({"model": "other"}, "is of smollm2-135m-instruct"),
    ],
)
def test_it_refuses_usage_without_a_price_and_rates_the_others(
    tenant, price, caplog, changes, reason
):
    other = make_tenant()
    use(tenant, price, 10)
    use(tenant, price, 10, **changes)
    use(other, price, 10)

    assert rate_usage(now=NOON) == RatingReport(rated=1, refused=1)

    assert not drafts_of(tenant)
    assert draft_of(other).total_nanos == 4_000
    assert reason in BillingPeriod.objects.get(tenant=tenant).problem
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert reason in caplog.text


def test_it_refuses_usage_of_a_tenant_that_is_not_there(tenant, price):
    use(tenant, price, 10, tenant_id=tenant.pk + 1000)
    use(tenant, price, 10)

    assert rate_usage(now=NOON) == RatingReport(rated=1, refused=1)


def test_what_was_refused_is_tried_again_later(tenant, price):
    use(tenant, price, 10, model="other")
    assert rate_usage(now=NOON) == REFUSED
    UsageRollup.objects.update(model=price.served_model.name)

    assert rate_usage(now=NOON) == NOTHING
    assert rate_usage(now=NOON + RETRY_AFTER) == ONE

    assert BillingPeriod.objects.get().problem == ""
    check_books(tenant)


def test_billed_usage_that_is_gone_is_a_draft_of_a_credit_note(tenant, price):
    """10 tokens at 400 nanos were billed, and 9 are left."""
    use(tenant, price, 10)
    rate_usage(now=NOON)
    invoice = issue_invoice(draft_of(tenant).pk, now=DECEMBER)
    UsageRollup.objects.update(quantity=9)

    assert rate_usage(now=DECEMBER) == ONE

    note = CreditNote.objects.get()
    assert (note.invoice, note.status) == (invoice, "draft")
    assert (note.total_nanos, note.lines.get().quantity) == (400, 1)
    check_books(tenant)

    UsageRollup.objects.update(quantity=10)
    assert rate_usage(now=DECEMBER) == ONE
    assert not CreditNote.objects.exists()
    check_books(tenant)


def test_an_amount_that_no_bigint_holds_is_refused(tenant, price):
    other = make_tenant()
    use(tenant, price, 9 * 10**18)
    use(other, price, 10)

    assert rate_usage(now=NOON) == RatingReport(rated=1, refused=1)

    assert not drafts_of(tenant)
    check_books(other)


def test_work_is_found_by_an_index(tenant, price, django_assert_num_queries):
    use(tenant, price, 10)
    rate_usage(now=NOON)

    with django_assert_num_queries(1):
        rate_usage(now=NOON)


def test_a_price_of_the_tenants_own_book_is_billed(tenant, price):
    book = PriceBook.objects.create(name="own", tenant=tenant, created_at=NOON)
    own = make_price(price.served_model, rates=(0, 0, 1_000), price_book=book)
    use(tenant, own, 1_000)

    assert rate_usage(now=NOON) == ONE
    assert draft_of(tenant).total_nanos == 1_000


def test_it_refuses_a_price_of_another_tenants_book(tenant, price):
    book = PriceBook.objects.create(name="own", tenant=make_tenant(), created_at=NOON)
    agreed = make_price(price.served_model, rates=(0, 0, 1_000), price_book=book)
    use(tenant, agreed, 1_000)

    assert rate_usage(now=NOON) == REFUSED
    assert not drafts_of(tenant).exists()
