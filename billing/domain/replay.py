"""What the same usage would come to on other terms, by the function that bills it.

The span is taken as one whole month: a plan's price, minimum and what it includes are
those of a month, and steps of a price begin with it.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from billing.domain.charges import Charge
from billing.domain.month import CouponTerms, MonthTerms, PlanTerms, charge_month
from billing.domain.periods import Period
from billing.domain.rating import METER_NAMES, Price, PricedUsage, Usage, find_pricings
from metering.domain.usage import Meter

_LEASE_METERS = frozenset({Meter.HBM_MB_S, Meter.HOST_MB_S, Meter.DISK_MB_S})


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What may be held: a plan, or none, and the prices that come with it."""

    prices: Mapping[str, Price]
    """By model."""
    plan: PlanTerms | None = None
    """Held through the whole span."""
    credit_nanos: int = 0
    """That a month of the plan brings."""
    coupons: Sequence[CouponTerms] = ()


@dataclass(frozen=True, kw_only=True)
class Replay:
    charges: tuple[Charge, ...]
    """In the order of an invoice."""
    priced: Mapping[tuple[int, str], PricedUsage] = field(default_factory=dict)
    """By price version and meter: what the charges of usage are made of."""
    credit_nanos: int
    """Of the plan's credit, what would have been used."""

    @property
    def charged_nanos(self) -> int:
        return sum(charge.amount_nanos for charge in self.charges)

    @property
    def cost_nanos(self) -> int:
        """Without tax."""
        return self.charged_nanos - self.credit_nanos


def replay(usages: Iterable[Usage], terms: Terms, *, span: Period) -> Replay:
    """`usages` are of the span. Raises UnpricedUsageError where the terms do not sell
    something that was used.
    """
    repriced = _repriced(usages, terms.prices)
    found = find_pricings(
        repriced, {one.price_version_id: one for one in terms.prices.values()}
    )
    month = MonthTerms(
        month=span,
        plans=(terms.plan,) if terms.plan else (),
        coupons=terms.coupons,
    )
    charges = tuple(charge_month(found, month))
    return Replay(
        charges=charges,
        priced={(one.usage.price_version_id, one.usage.meter): one for one in found},
        credit_nanos=min(
            terms.credit_nanos, sum(charge.amount_nanos for charge in charges)
        ),
    )


def without_leases(usages: Iterable[Usage], *, read_as: Meter) -> list[Usage]:
    """As if nothing had been kept: no memory is paid for, and what leases paid for is
    input, `read_as` new or as found in the cache by luck.
    """
    meters = {Meter.LEASED_INPUT_TOKENS.value: read_as.value}
    return [
        Usage(
            model=one.model,
            meter=meters.get(one.meter, one.meter),
            price_version_id=one.price_version_id,
            quantity=one.quantity,
        )
        for one in usages
        if one.meter not in _LEASE_METERS
    ]


def has_leases(usages: Iterable[Usage]) -> bool:
    return any(
        one.meter in _LEASE_METERS or one.meter == Meter.LEASED_INPUT_TOKENS
        for one in usages
        if one.quantity
    )


def _repriced(usages: Iterable[Usage], prices: Mapping[str, Price]) -> list[Usage]:
    """Of a model without a price, as it is: it names a version that is not there."""
    quantities: dict[tuple[str, int, str], int] = defaultdict(int)
    for one in usages:
        if one.meter in METER_NAMES:
            price = prices.get(one.model)
            version = price.price_version_id if price else one.price_version_id
            quantities[one.model, version, one.meter] += one.quantity
    return [
        Usage(model=model, meter=meter, price_version_id=version, quantity=quantity)
        for (model, version, meter), quantity in quantities.items()
    ]
