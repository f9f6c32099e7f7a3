"""Worked examples of what a month comes to."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.charges import ChargeKind
from billing.domain.invoice import Billed, overbilled, unbilled
from billing.domain.month import (
    Allowance,
    Commitment,
    CouponTerms,
    MonthTerms,
    PlanTerms,
    charge_month,
    use_allowances,
)
from billing.domain.periods import add_months, month_of
from billing.domain.price_models import MeterPricing, PriceModel, Step, standard
from billing.domain.rating import PricedUsage, Usage

USD = 1_000_000_000
NOVEMBER = month_of(datetime(2026, 11, 1, tzinfo=UTC))
DAY = timedelta(days=1)
OUTPUT = "output_tokens"


def used(quantity, *, model="small", version=1, rate=400_000_000, pricing=None):
    usage = Usage(
        model=model, meter=OUTPUT, price_version_id=version, quantity=quantity
    )
    return PricedUsage(usage=usage, pricing=pricing or standard(rate))


def plan(subscription_id=1, *, start=NOVEMBER.start, end=None, **fields):
    return PlanTerms(
        subscription_id=subscription_id,
        name=f"Plan {subscription_id}",
        starts_at=start,
        ends_at=end,
        **fields,
    )


def charges(usages=(), *, plans=(), coupons=(), month=NOVEMBER, until=None):
    terms = MonthTerms(month=month, plans=plans, coupons=coupons)
    return charge_month(usages, terms, until=until)


def test_it_works():
    """One million output tokens at 0.40 USD, and a plan of 30 USD."""
    pro, output = charges([used(1_000_000)], plans=[plan(price_nanos=30 * USD)])

    assert (pro.key, pro.kind, pro.amount_nanos) == ("plan:1", "plan", 30 * USD)
    assert (output.key, output.amount_nanos) == (
        "usage:1:output_tokens",
        400_000_000,
    )


def test_a_plan_that_changes_is_paid_by_the_day():
    """15 of 30 days of 30 USD, 15 of 30 days of 60 USD."""
    middle = NOVEMBER.start + 15 * DAY

    small, large = charges(
        plans=[
            plan(1, end=middle, price_nanos=30 * USD),
            plan(2, start=middle, price_nanos=60 * USD),
        ]
    )

    assert (small.amount_nanos, large.amount_nanos) == (15 * USD, 30 * USD)


def test_february_of_a_leap_year_has_29_days():
    """29 USD, held from the 29th on: one day of 29."""
    month = month_of(datetime(2028, 2, 1, tzinfo=UTC))
    start = datetime(2028, 2, 29, tzinfo=UTC)

    (charge,) = charges(plans=[plan(start=start, price_nanos=29 * USD)], month=month)

    assert charge.amount_nanos == USD


def test_a_trial_costs_nothing_and_includes_what_the_plan_does():
    trial = plan(
        price_nanos=30 * USD,
        trial_ends_at=NOVEMBER.end,
        allowances=(Allowance(model="", meter=OUTPUT, quantity=600),),
    )

    (charge,) = charges([used(1_000)], plans=[trial])

    assert (charge.quantity, charge.included_quantity) == (1_000, 600)
    assert charge.amount_nanos == 400 * 400


def test_what_is_included_of_one_model_is_used_before_what_is_of_all():
    allowances = (
        Allowance(model="small", meter=OUTPUT, quantity=100),
        Allowance(model="", meter=OUTPUT, quantity=50),
    )

    large, small = charges(
        [used(120), used(80, model="large", version=2)],
        plans=[plan(allowances=allowances)],
    )

    assert (large.model, large.included_quantity) == ("large", 50)
    assert (small.model, small.included_quantity) == ("small", 100)


def test_what_lacks_to_the_minimum_is_a_line():
    """10 USD at least, 4 USD used."""
    usage, lacking = charges([used(10_000_000)], plans=[plan(minimum_nanos=10 * USD)])

    assert usage.amount_nanos == 4 * USD
    assert (lacking.kind, lacking.amount_nanos) == (ChargeKind.MINIMUM, 6 * USD)


def test_the_last_month_of_a_term_pays_what_lacks_to_the_commitment():
    """100 USD in all; 70 before, 4 in the last month."""
    commitment = Commitment(
        amount_nanos=100 * USD,
        ends_at=NOVEMBER.end,
        spent_before_nanos=70 * USD,
    )

    _, lacking = charges([used(10_000_000)], plans=[plan(commitment=commitment)])

    assert (lacking.key, lacking.amount_nanos) == ("commitment:1", 26 * USD)


def test_a_percentage_is_of_usage():
    """2.5 % of 4 USD."""
    _, share = charges([used(10_000_000)], plans=[plan(percentage_basis_points=250)])

    assert (share.description, share.amount_nanos) == (
        "On usage: Plan 1 2.5 %",
        USD // 10,
    )


def test_coupons_take_percents_first_and_then_amounts():
    """4 USD less 10 % are 3.60; less 1 USD are 2.60."""
    (charge,) = charges(
        [used(10_000_000)],
        coupons=[
            CouponTerms(amount_nanos=USD),
            CouponTerms(percent_basis_points=1_000),
        ],
    )

    assert charge.gross_nanos == 4 * USD
    assert charge.discount_nanos == 14 * USD // 10
    assert charge.amount_nanos == 26 * USD // 10


def test_a_coupon_takes_no_more_than_there_is():
    (charge,) = charges([used(100)], coupons=[CouponTerms(amount_nanos=USD)])

    assert charge.amount_nanos == 0


def test_a_graduated_price_has_no_rate_of_its_own():
    pricing = MeterPricing(
        PriceModel.GRADUATED, steps=(Step(1_000, 400_000_000), Step(None, 200_000_000))
    )

    (charge,) = charges([used(1_500, pricing=pricing)])

    assert charge.rate_nanos_per_million is None
    assert charge.amount_nanos == 500_000


@pytest.mark.parametrize(
    ("months", "day"), [(1, "2026-02-28"), (2, "2026-03-31"), (25, "2028-02-29")]
)
def test_an_anchor_on_the_31st_comes_back(months, day):
    anchor = datetime(2026, 1, 31, 9, tzinfo=UTC)

    assert f"{add_months(anchor, months):%Y-%m-%d %H}" == f"{day} 09"


@given(
    st.lists(st.integers(1, 10**12), max_size=4),
    st.lists(st.integers(1, 30 * 86_400 - 1), max_size=3, unique=True),
    st.integers(0, 10**13),
    st.integers(0, 10**13),
    st.integers(0, 10_000),
    st.integers(0, 10**13),
)
def test_nothing_is_below_zero_and_a_shared_price_is_whole(  # noqa: PLR0917
    quantities, cuts, price, minimum, basis_points, off
):
    """Cut a month at any seconds between plans of one price: together they cost what
    one plan does, to within half a nano each.
    """
    bounds = [
        NOVEMBER.start,
        *(NOVEMBER.start + timedelta(seconds=cut) for cut in sorted(cuts)),
        NOVEMBER.end,
    ]
    plans = [
        plan(n, start=a, end=b, price_nanos=price, minimum_nanos=minimum)
        for n, (a, b) in enumerate(pairwise(bounds))
    ]
    coupons = [
        CouponTerms(percent_basis_points=basis_points),
        CouponTerms(amount_nanos=off),
    ]

    found = charges(
        [used(q, version=n) for n, q in enumerate(quantities)],
        plans=plans,
        coupons=coupons,
    )

    assert all(
        min(one.amount_nanos, one.discount_nanos, one.included_quantity) >= 0
        for one in found
    )
    shared = sum(one.gross_nanos for one in found if one.kind is ChargeKind.PLAN)
    assert abs(shared - price) <= len(plans) / 2
    gross = sum(one.gross_nanos for one in found)
    assert gross >= minimum - len(plans)


def test_what_is_used_of_what_is_included():
    """Half a month of a plan; small's own allowance is used up first."""
    allowances = (
        Allowance(model="small", meter=OUTPUT, quantity=200),
        Allowance(model="", meter=OUTPUT, quantity=400),
    )
    half = plan(end=NOVEMBER.start + 15 * DAY, allowances=allowances)
    terms = MonthTerms(month=NOVEMBER, plans=[half])

    found = use_allowances([used(130)], terms)

    assert {one.model: (one.used_quantity, one.quantity) for one in found} == {
        "small": (100, 100),
        "": (30, 200),
    }


@given(
    st.lists(st.tuples(*[st.integers(0, 10**9)] * 3), min_size=1, max_size=3),
    st.lists(st.integers(1, 30 * 86_400 - 1), min_size=3, max_size=3, unique=True),
    st.integers(0, 10**12),
    st.integers(0, 10**12),
    st.integers(0, 1_000),
)
def test_a_month_billed_in_parts_comes_to_the_whole_month(
    grown, cuts, price, minimum, percent_basis_points
):
    """Until two instants and then to its end, with a change of plan at a third one:
    what invoices bill, less what credit notes take back, is the month in each charge.
    """
    first, second, change = (NOVEMBER.start + timedelta(seconds=cut) for cut in cuts)
    allowance = Allowance(model="", meter=OUTPUT, quantity=10**8)
    plans = [
        plan(1, end=change, price_nanos=price, minimum_nanos=minimum),
        plan(2, start=change, allowances=(allowance,), percentage_basis_points=77),
    ]
    coupons = [CouponTerms(percent_basis_points=percent_basis_points)]
    billed: dict[str, Billed] = {}
    for part, until in enumerate([*sorted([first, second]), NOVEMBER.end]):
        usages = [
            used(sum(growth[: part + 1]), version=n) for n, growth in enumerate(grown)
        ]
        whole = charges(usages, plans=plans, coupons=coupons, until=until)
        lines, over = unbilled(whole, billed), overbilled(whole, billed)
        for line in lines:
            _bill(billed, line.key, line.quantity, line.amount_nanos)
        for one in over:
            _bill(billed, one.key, -one.quantity, -one.amount_nanos)

    assert {key: one for key, one in billed.items() if one.quantity} == {
        one.key: Billed(quantity=one.quantity, amount_nanos=one.amount_nanos)
        for one in whole
        if one.quantity
    }
    assert all(one.amount_nanos == 0 for one in billed.values() if not one.quantity)


def _bill(billed, key, quantity, amount_nanos):
    before = billed.get(key, Billed(quantity=0, amount_nanos=0))
    billed[key] = Billed(
        quantity=before.quantity + quantity,
        amount_nanos=before.amount_nanos + amount_nanos,
    )
