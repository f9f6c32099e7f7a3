"""The same usage on other terms, and which terms are advised."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing.domain.advice import (
    Keeping,
    Option,
    Verdict,
    better_than_held,
    keeping,
    ranked,
)
from billing.domain.month import (
    Allowance,
    CouponTerms,
    MonthTerms,
    PlanTerms,
    charge_month,
)
from billing.domain.periods import Period
from billing.domain.rating import Price, Rates, Usage, find_pricings
from billing.domain.replay import Terms, has_leases, replay, without_leases
from billing.errors import UnpricedUsageError
from metering.domain.usage import Meter

USD = 1_000_000_000
END = datetime(2026, 11, 22, tzinfo=UTC)
SPAN = Period(start=END - timedelta(days=30), end=END)
MODELS = ("large", "small")


def price(model="small", version=1, *, new=100_000_000, cached=20_000_000, output=400):
    return Price(
        price_version_id=version,
        model=model,
        rates=Rates(
            new_input_nanos_per_million=new,
            cached_input_nanos_per_million=cached,
            output_nanos_per_million=output * 1_000_000,
            host_mb_s_nanos_per_million=200_000,
        ),
    )


def used(meter, quantity, *, model="small", version=1):
    return Usage(model=model, meter=meter, price_version_id=version, quantity=quantity)


def plan(**fields):
    return PlanTerms(
        subscription_id=0, name="Pro", starts_at=SPAN.start, ends_at=None, **fields
    )


def option(cost, *, name="other", is_held=False):
    found = replay(
        [used("output_tokens", cost * 1_000_000)],
        Terms(prices={"small": price(output=1_000)}),
        span=SPAN,
    )
    return Option(code=name, name=name, is_held=is_held, replay=found)


def test_it_works():
    """6 million output tokens at 0.40 USD; on the plan 30 USD include 5 million, and
    the rest is 0.20 USD each.
    """
    usages = [used("output_tokens", 6_000_000), used("requests", 900)]
    terms = Terms(
        prices={"small": price(version=2, output=200)},
        plan=plan(
            price_nanos=30 * USD,
            allowances=(
                Allowance(model="", meter="output_tokens", quantity=5_000_000),
            ),
        ),
    )

    by_list = replay(usages, Terms(prices={"small": price()}), span=SPAN)
    on_plan = replay(usages, terms, span=SPAN)

    assert by_list.cost_nanos == 2_400_000_000
    assert [one.amount_nanos for one in on_plan.charges] == [30 * USD, 200_000_000]
    assert on_plan.charges[1].price_version_id == 2


def test_quantities_of_several_prices_are_added_before_they_are_multiplied():
    usages = [used("output_tokens", 1, version=version) for version in (7, 8, 9)]
    terms = Terms(prices={"small": price(output=500_000)})

    (charge,) = replay(usages, terms, span=SPAN).charges

    assert (charge.quantity, charge.amount_nanos) == (3, 1_500_000)


def test_what_a_plan_brings_as_credit_is_not_paid():
    usages = [used("output_tokens", 10_000_000)]
    terms = Terms(prices={"small": price()}, credit_nanos=3 * USD)

    found = replay(usages, terms, span=SPAN)

    assert (found.charged_nanos, found.cost_nanos) == (4 * USD, 1 * USD)
    assert replay([], terms, span=SPAN).cost_nanos == 0


def test_it_refuses_what_the_terms_do_not_sell():
    with pytest.raises(UnpricedUsageError):
        replay([used("images", 1)], Terms(prices={"small": price()}), span=SPAN)
    with pytest.raises(UnpricedUsageError):
        replay([used("output_tokens", 1)], Terms(prices={}), span=SPAN)


def test_without_leases_what_they_paid_for_is_input():
    usages = [
        used("leased_input_tokens", 1_000_000),
        used("host_mb_s", 50_000_000),
        used("output_tokens", 1_000_000),
    ]
    terms = Terms(prices={"small": price()})
    as_new = without_leases(usages, read_as=Meter.NEW_INPUT_TOKENS)
    as_cached = without_leases(usages, read_as=Meter.CACHED_INPUT_TOKENS)

    found = keeping(
        replay(usages, terms, span=SPAN),
        replay(as_cached, terms, span=SPAN),
        replay(as_new, terms, span=SPAN),
    )

    assert has_leases(usages)
    assert not has_leases(as_new)
    assert found.with_nanos == 410_000_000
    assert found.least_without_nanos == 420_000_000
    assert found.most_without_nanos == 500_000_000
    assert found.verdict is Verdict.PAID


@pytest.mark.parametrize(
    ("with_nanos", "verdict"),
    [(10, Verdict.PAID), (11, Verdict.OPEN), (29, Verdict.OPEN), (30, Verdict.LOST)],
)
def test_keeping_pays_only_where_it_surely_did(with_nanos, verdict):
    found = Keeping(
        with_nanos=with_nanos, least_without_nanos=10, most_without_nanos=30
    )

    assert found.verdict is verdict


def test_what_is_held_is_kept_where_nothing_costs_less():
    held, other = option(3, is_held=True, name="z"), option(3, name="a")

    assert ranked([other, held]) == [held, other]
    assert better_than_held([other, held]) is None


def test_what_cannot_be_compared_is_never_advised():
    held = option(3, is_held=True)
    unsold = Option(code="x", name="x", is_held=False, replay=None)

    assert ranked([unsold, held])[-1] == unsold
    assert better_than_held([unsold, held]) is None
    assert better_than_held([option(1), replace(held, replay=None)]) is None


quantities = st.integers(0, 10**12)
rates = st.integers(0, 2 * 10**9)


@st.composite
def some_use(draw):
    return [
        used(meter, draw(quantities), model=model, version=version)
        for model in MODELS
        for version in (1, 2)
        for meter in ("new_input_tokens", "cached_input_tokens", "output_tokens")
        if draw(st.booleans())
    ]


@st.composite
def some_terms(draw):
    allowances = draw(
        st.dictionaries(
            st.tuples(
                st.sampled_from(["", *MODELS]),
                st.sampled_from(["new_input_tokens", "output_tokens"]),
            ),
            st.integers(1, 10**11),
            max_size=3,
        )
    )
    held = plan(
        price_nanos=draw(quantities),
        minimum_nanos=draw(quantities),
        percentage_basis_points=draw(st.integers(0, 5_000)),
        allowances=tuple(
            Allowance(model=model, meter=meter, quantity=quantity)
            for (model, meter), quantity in allowances.items()
        ),
    )
    return Terms(
        prices={
            model: price(
                model,
                number + 5,
                new=draw(rates),
                cached=draw(rates),
                output=draw(st.integers(0, 2_000)),
            )
            for number, model in enumerate(MODELS)
        },
        plan=draw(st.sampled_from([None, held])),
        coupons=draw(st.sampled_from([(), (CouponTerms(percent_basis_points=1_000),)])),
    )


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(some_use(), st.lists(some_terms(), min_size=1, max_size=4))
def test_it_never_advises_what_costs_more_on_the_same_usage(usages, offers):
    """Each offer is billed once more here, month by month, without the replay."""
    options = [
        Option(
            code=str(number),
            name=str(number),
            is_held=number == 0,
            replay=replay(usages, terms, span=SPAN),
        )
        for number, terms in enumerate(offers)
    ]
    billed = [_billed(usages, terms) for terms in offers]

    advised = better_than_held(options)

    assert [one.cost_nanos for one in options] == billed
    if advised is None:
        assert min(billed) == billed[0]
    else:
        assert billed[int(advised.code)] == min(billed) < billed[0]


def _billed(usages, terms):
    renamed: dict[tuple[str, int, str], int] = {}
    for one in usages:
        version = terms.prices[one.model].price_version_id
        key = one.model, version, one.meter
        renamed[key] = renamed.get(key, 0) + one.quantity
    found = find_pricings(
        [
            Usage(model=model, price_version_id=version, meter=meter, quantity=quantity)
            for (model, version, meter), quantity in renamed.items()
        ],
        {one.price_version_id: one for one in terms.prices.values()},
    )
    month = MonthTerms(
        month=SPAN, plans=[terms.plan] if terms.plan else [], coupons=terms.coupons
    )
    return sum(charge.amount_nanos for charge in charge_month(found, month))
