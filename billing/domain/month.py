"""What a tenant's month comes to: usage, plans, what plans include, coupons, minimums.

One pure function of facts that are all kept, so that it may be asked again at any time;
what changed since an invoice was issued is the difference of two answers.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from billing.domain.charges import (
    Charge,
    ChargeKind,
    commitment_key,
    plan_key,
    usage_key,
)
from billing.domain.money import divided_half_up, percent
from billing.domain.periods import Period
from billing.domain.price_models import PriceModel, amount_of
from billing.domain.rating import METER_NAMES, PricedUsage

_BASIS_POINTS = 10_000
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, kw_only=True)
class Allowance:
    """What a whole month of a plan includes of a meter."""

    model: str
    """Public name; empty: of all models together."""
    meter: str
    quantity: int


@dataclass(frozen=True, kw_only=True)
class AllowanceUse:
    """What the plans of a month include of a meter, and what is used of that."""

    model: str
    meter: str
    quantity: int
    used_quantity: int


@dataclass(frozen=True, kw_only=True)
class Commitment:
    amount_nanos: int
    ends_at: datetime
    """The term's end, exclusive."""
    spent_before_nanos: int
    """What the earlier months of the term came to."""


@dataclass(frozen=True, kw_only=True)
class PlanTerms:
    """A subscription, as far as money goes; amounts are of a whole month."""

    subscription_id: int
    name: str
    starts_at: datetime
    ends_at: datetime | None
    """None: open."""
    trial_ends_at: datetime | None = None
    """Until then it costs nothing, and includes what it includes."""
    price_nanos: int = 0
    minimum_nanos: int = 0
    percentage_basis_points: int = 0
    allowances: tuple[Allowance, ...] = ()
    commitment: Commitment | None = None


@dataclass(frozen=True, kw_only=True)
class CouponTerms:
    """What a redemption takes off in each month that it holds for; one of the two."""

    percent_basis_points: int = 0
    amount_nanos: int = 0


@dataclass(frozen=True, kw_only=True)
class MonthTerms:
    month: Period
    plans: Sequence[PlanTerms] = ()
    """In the order of time; they do not overlap."""
    coupons: Sequence[CouponTerms] = ()
    """Of this month, in the order in which they were redeemed."""


def charge_month(
    usages: Iterable[PricedUsage], terms: MonthTerms, *, until: datetime | None = None
) -> list[Charge]:
    """The charges of the month, or of its part before `until`, in the order of an
    invoice. `usages` are of the same span.

    Each plan is shared out by the seconds that it held: its price and minimum half a
    nano up, what it includes rounded down to whole units. Its percentage is taken
    of the month's usage in proportion to that time. Discounts go from all that but what
    lacks to a minimum or a commitment: those are of what the month came to before them.
    """
    span = terms.month.until(until or terms.month.end)
    plans = [charge for plan in terms.plans if (charge := _plan(plan, terms, span))]
    used = _usage(usages, _included(terms, span))
    charges = [*plans, *used, *_percentage(used, terms, span)]
    lacking = _lacking(charges, terms, span)
    return [*_discounted(charges, terms.coupons), *lacking]


def use_allowances(
    usages: Iterable[PricedUsage], terms: MonthTerms
) -> list[AllowanceUse]:
    """Of the whole month, by the rule that charges it; in no order."""
    whole = _included(terms, terms.month)
    rest = whole.copy()
    _usage(usages, rest)
    return [
        AllowanceUse(
            model=model,
            meter=meter,
            quantity=quantity,
            used_quantity=quantity - rest[model, meter],
        )
        for (model, meter), quantity in whole.items()
    ]


def held_seconds(plan: PlanTerms, span: Period, *, is_paid: bool) -> int:
    """How long the plan was held in the span; paid time begins after a trial."""
    start = max(plan.starts_at, span.start)
    if is_paid and plan.trial_ends_at:
        start = max(start, plan.trial_ends_at)
    end = min(plan.ends_at or span.end, span.end)
    return max(0, (end - start) // _SECOND)


def _seconds(span: Period) -> int:
    return (span.end - span.start) // _SECOND


def _share(amount: int, held: int, month: Period) -> int:
    return divided_half_up(amount * held, _seconds(month))


def _plan(plan: PlanTerms, terms: MonthTerms, span: Period) -> Charge | None:
    held = held_seconds(plan, span, is_paid=True)
    if not held or not plan.price_nanos:
        return None
    return Charge(
        key=plan_key(plan.subscription_id),
        kind=ChargeKind.PLAN,
        description=plan.name,
        quantity=held,
        gross_nanos=_share(plan.price_nanos, held, terms.month),
    )


def _included(terms: MonthTerms, span: Period) -> Counter[tuple[str, str]]:
    """(model, meter) -> units that the plans of the span include."""
    included: Counter[tuple[str, str]] = Counter()
    for plan in terms.plans:
        held = held_seconds(plan, span, is_paid=False)
        for allowance in plan.allowances:
            units = allowance.quantity * held // _seconds(terms.month)
            included[allowance.model, allowance.meter] += units
    return included


def _usage(
    usages: Iterable[PricedUsage], included: Counter[tuple[str, str]]
) -> list[Charge]:
    """What is included of one model is used up before what is of all."""
    charges = []
    for priced in sorted(usages, key=_usage_order):
        usage = priced.usage
        free = 0
        for name in ((usage.model, usage.meter), ("", usage.meter)):
            taken = min(included[name], usage.quantity - free)
            included[name] -= taken
            free += taken
        charges.append(_usage_charge(priced, free))
    return charges


def _usage_order(priced: PricedUsage) -> tuple[str, int, int]:
    usage = priced.usage
    return usage.model, usage.price_version_id, METER_NAMES.index(usage.meter)


def _usage_charge(priced: PricedUsage, free: int) -> Charge:
    usage, pricing = priced.usage, priced.pricing
    is_standard = pricing.model is PriceModel.STANDARD
    return Charge(
        key=usage_key(usage.price_version_id, usage.meter),
        kind=ChargeKind.USAGE,
        model=usage.model,
        meter=usage.meter,
        price_version_id=usage.price_version_id,
        quantity=usage.quantity,
        included_quantity=free,
        rate_nanos_per_million=(
            pricing.rate_nanos_per_million if is_standard else None
        ),
        gross_nanos=amount_of(pricing, usage.quantity - free),
    )


def _percentage(used: list[Charge], terms: MonthTerms, span: Period) -> list[Charge]:
    """Of all plans together: who had which when does not follow from a month's sums."""
    if span.is_empty:
        return []
    total = sum(charge.gross_nanos for charge in used)
    weighted = sum(
        plan.percentage_basis_points * held_seconds(plan, span, is_paid=True)
        for plan in terms.plans
    )
    amount = divided_half_up(total * weighted, _BASIS_POINTS * _seconds(span))
    if not amount:
        return []
    names = ", ".join(
        f"{plan.name} {percent(plan.percentage_basis_points)} %"
        for plan in terms.plans
        if plan.percentage_basis_points
    )
    return [
        Charge(
            key=ChargeKind.PERCENTAGE.value,
            kind=ChargeKind.PERCENTAGE,
            description=f"On usage: {names}",
            quantity=1,
            gross_nanos=amount,
        )
    ]


def _lacking(charges: list[Charge], terms: MonthTerms, span: Period) -> list[Charge]:
    total = sum(charge.gross_nanos for charge in charges)
    minimum = sum(
        _share(plan.minimum_nanos, held_seconds(plan, span, is_paid=True), terms.month)
        for plan in terms.plans
    )
    lacking = []
    if minimum > total:
        lacking.append(
            Charge(
                key=ChargeKind.MINIMUM.value,
                kind=ChargeKind.MINIMUM,
                description="To the minimum of the month",
                quantity=1,
                gross_nanos=minimum - total,
            )
        )
    for plan in terms.plans:
        reached = max(minimum, total)
        if missing := _missing_commitment(plan, reached, span):
            lacking.append(missing)
    return lacking


def _missing_commitment(plan: PlanTerms, total: int, span: Period) -> Charge | None:
    commitment = plan.commitment
    if commitment is None or not span.start < commitment.ends_at <= span.end:
        return None
    missing = commitment.amount_nanos - commitment.spent_before_nanos - total
    if missing <= 0:
        return None
    return Charge(
        key=commitment_key(plan.subscription_id),
        kind=ChargeKind.COMMITMENT,
        description=f"To the commitment of {plan.name}",
        quantity=1,
        gross_nanos=missing,
    )


def _discounted(charges: list[Charge], coupons: Sequence[CouponTerms]) -> list[Charge]:
    """Percentages first, each of what is left, then amounts, used up line by line."""
    for coupon in coupons:
        if coupon.percent_basis_points:
            charges = [_less_percent(charge, coupon) for charge in charges]
    for coupon in coupons:
        rest = coupon.amount_nanos
        for place, charge in enumerate(charges):
            taken = min(rest, charge.amount_nanos)
            rest -= taken
            charges[place] = _less(charge, taken)
    return charges


def _less_percent(charge: Charge, coupon: CouponTerms) -> Charge:
    off = charge.amount_nanos * coupon.percent_basis_points
    return _less(charge, divided_half_up(off, _BASIS_POINTS))


def _less(charge: Charge, taken: int) -> Charge:
    if not taken:
        return charge
    return replace(charge, discount_nanos=charge.discount_nanos + taken)
