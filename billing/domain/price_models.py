"""Price models: what a month's quantity of one meter costs under one price version.

Amounts are added up exactly, in femtos (a quantity times nanos per million), and
rounded half up once, by `amount_of`.
"""

from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from billing.domain.money import UNITS_PER_RATE, amount_nanos
from billing.errors import InvalidPricingError

STEPS_MAX = 20
QUANTITY_MAX = 10**15
"""Of a step's end and of a package: more than any month can hold."""
FLAT_NANOS_MAX = 9 * 10**15
"""9 million: sums of a bill stay far within a bigint."""
RATE_NANOS_PER_MILLION_MAX = 10**18
"""The dearest image, 1000, per million."""


class PriceModel(StrEnum):
    STANDARD = "standard"
    """Each unit at one rate."""
    PACKAGE = "package"
    """Whole packages: a package that is begun is paid."""
    GRADUATED = "graduated"
    """Each step's units at the rate of the step."""
    VOLUME = "volume"
    """All units at the rate of the step in which the last one lies."""


@dataclass(frozen=True)
class Step:
    up_to: int | None
    """The last unit that lies in it; None: no end."""
    rate_nanos_per_million: int
    flat_nanos: int = 0
    """Owed once as soon as one unit lies in it."""


@dataclass(frozen=True)
class MeterPricing:
    """How one meter is priced. Raises InvalidPricingError for what makes no sense."""

    model: PriceModel
    rate_nanos_per_million: int = 0
    """Of a standard price; zero in the others."""
    package_units: int = 0
    package_nanos: int = 0
    steps: tuple[Step, ...] = ()
    """Of a graduated or volume price, upwards; the last has no end."""

    def __post_init__(self) -> None:
        if self.model is not PriceModel.STANDARD and self.rate_nanos_per_million:
            raise InvalidPricingError(f"A {self.model} price has no rate of its own.")
        _check_package(self)
        _check_steps(self)
        if not 0 <= dearest_rate(self) <= RATE_NANOS_PER_MILLION_MAX:
            raise InvalidPricingError("A rate lies between 0 and 1000 a unit.")


@dataclass(frozen=True, kw_only=True)
class ExplainedStep:
    """One row of the arithmetic."""

    label: str
    quantity: int
    """Zero for a flat amount."""
    rate_nanos_per_million: int | None
    """None: the amount is no product of the quantity."""
    amount_nanos: int


@dataclass(frozen=True)
class _Part:
    label: str
    quantity: int
    rate_nanos_per_million: int | None
    femtos: int


def standard(rate_nanos_per_million: int) -> MeterPricing:
    return MeterPricing(PriceModel.STANDARD, rate_nanos_per_million)


def amount_of(pricing: MeterPricing, quantity: int) -> int:
    """Nanos, of a month's whole quantity, half a nano rounded up.

    Never falls when the quantity rises, and nothing costs nothing. Raises ValueError
    for a quantity below zero.
    """
    return _nanos(sum(part.femtos for part in _parts(pricing, quantity)))


def explain(pricing: MeterPricing, quantity: int) -> list[ExplainedStep]:
    """How `amount_of` comes about: the amounts of the rows add up to it exactly.

    A row's amount is the difference of two rounded sums, so that the halves of a
    nanos that rows share are neither lost nor counted twice.
    """
    rows, total = [], 0
    for part in _parts(pricing, quantity):
        before, total = total, total + part.femtos
        rows.append(
            ExplainedStep(
                label=part.label,
                quantity=part.quantity,
                rate_nanos_per_million=part.rate_nanos_per_million,
                amount_nanos=_nanos(total) - _nanos(before),
            )
        )
    return rows


def dearest_rate(pricing: MeterPricing) -> int:
    """Nanos per million, rounded up: what the proxy holds and charges a unit by.

    A package's price is spread over its units and a flat amount over those of its step
    (of the last: over all before it). So at the end of each step and of each package
    the proxy has charged no less than what is owed, and in between it lacks at most the
    flat amounts of the step, or one package.
    """
    match pricing.model:
        case PriceModel.STANDARD:
            return pricing.rate_nanos_per_million
        case PriceModel.PACKAGE:
            return _spread(pricing.package_nanos, pricing.package_units)
        case PriceModel.GRADUATED | PriceModel.VOLUME:
            return max(
                step.rate_nanos_per_million
                + _spread(step.flat_nanos, _flat_units(pricing.model, begin, step))
                for begin, step in _steps(pricing)
            )


def is_dearer_somewhere(pricing: MeterPricing, other: MeterPricing) -> bool:
    """Whether it costs more than `other` for some quantity that ends a step of either,
    or for all that can be used: there it pays to be billed by `other` instead.

    What only a begun package costs more does not count: it buys the rest of it.
    """
    ends = {step.up_to for step in (*pricing.steps, *other.steps)}
    return any(
        _linear_femtos(pricing, end) > _linear_femtos(other, end)
        for end in {end or QUANTITY_MAX for end in ends} | {QUANTITY_MAX}
    )


def _linear_femtos(pricing: MeterPricing, quantity: int) -> int:
    if pricing.model is PriceModel.PACKAGE:
        package = pricing.package_nanos * UNITS_PER_RATE
        return quantity * package // pricing.package_units
    return sum(part.femtos for part in _parts(pricing, quantity))


def _nanos(femtos: int) -> int:
    return amount_nanos(1, femtos)


def _spread(amount: int, units: int) -> int:
    return -(-amount * UNITS_PER_RATE // units) if amount else 0


def _flat_units(model: PriceModel, begin: int, step: Step) -> int:
    """Over how many units a step's flat amount is spread."""
    if step.up_to is None:
        return begin
    if model is PriceModel.VOLUME and begin:
        # All units share it, those of the steps before too: at least so many.
        return begin + 1
    return step.up_to - begin


def _steps(pricing: MeterPricing) -> list[tuple[int, Step]]:
    """Each with how many units lie before it."""
    begins = [0, *(step.up_to or 0 for step in pricing.steps[:-1])]
    return list(zip(begins, pricing.steps, strict=True))


def _parts(pricing: MeterPricing, quantity: int) -> list[_Part]:
    if quantity < 0:
        raise ValueError(f"{quantity} is no quantity")
    if not quantity:
        return []
    match pricing.model:
        case PriceModel.STANDARD:
            return [_at_rate("each", quantity, pricing.rate_nanos_per_million)]
        case PriceModel.PACKAGE:
            return [_packages(pricing, quantity)]
        case PriceModel.GRADUATED:
            return _graduated(pricing, quantity)
        case PriceModel.VOLUME:
            return _volume(pricing, quantity)


def _at_rate(label: str, quantity: int, rate_nanos_per_million: int) -> _Part:
    femtos = quantity * rate_nanos_per_million
    return _Part(label, quantity, rate_nanos_per_million, femtos)


def _amount(label: str, quantity: int, amount: int) -> _Part:
    return _Part(label, quantity, None, amount * UNITS_PER_RATE)


def _packages(pricing: MeterPricing, quantity: int) -> _Part:
    count = -(-quantity // pricing.package_units)
    label = f"{count:,} of {pricing.package_units:,}"
    return _amount(label, quantity, count * pricing.package_nanos)


def _graduated(pricing: MeterPricing, quantity: int) -> list[_Part]:
    return [
        part
        for begin, step in _steps(pricing)
        if quantity > begin
        for part in _step_parts(begin, step, min(quantity, step.up_to or quantity))
    ]


def _step_parts(begin: int, step: Step, end: int) -> list[_Part]:
    label = _span(begin, step)
    used = _at_rate(label, end - begin, step.rate_nanos_per_million)
    flat = _amount(f"{label}, flat", 0, step.flat_nanos)
    return [used, flat] if step.flat_nanos else [used]


def _volume(pricing: MeterPricing, quantity: int) -> list[_Part]:
    """At the step it lies in, or what the first unit of a later step would make all
    cost, where that is less: nobody pays less by using more.
    """
    steps = _steps(pricing)
    here = max(index for index, (begin, _) in enumerate(steps) if quantity > begin)
    parts = _volume_parts(*steps[here], quantity)
    cost = sum(part.femtos for part in parts)
    for begin, step in steps[here + 1 :]:
        later = sum(part.femtos for part in _volume_parts(begin, step, begin + 1))
        if later < cost:
            label = f"no more than {begin + 1:,} cost"
            cost, parts = later, [_Part(label, quantity, None, later)]
    return parts


def _volume_parts(begin: int, step: Step, quantity: int) -> list[_Part]:
    label = f"all, for {_span(begin, step)}"
    used = _at_rate(label, quantity, step.rate_nanos_per_million)
    flat = _amount(f"{label}, flat", 0, step.flat_nanos)
    return [used, flat] if step.flat_nanos else [used]


def _span(begin: int, step: Step) -> str:
    first = f"{begin + 1:,}"
    return f"{first} and more" if step.up_to is None else f"{first} to {step.up_to:,}"


def _check_package(pricing: MeterPricing) -> None:
    units, price = pricing.package_units, pricing.package_nanos
    if pricing.model is not PriceModel.PACKAGE:
        if units or price:
            raise InvalidPricingError(f"A {pricing.model} price has no package.")
    elif not (1 <= units <= QUANTITY_MAX and 0 <= price <= FLAT_NANOS_MAX):
        raise InvalidPricingError("A package holds at least one unit, for 0 or up.")


def _check_steps(pricing: MeterPricing) -> None:
    steps = pricing.steps
    if pricing.model not in {PriceModel.GRADUATED, PriceModel.VOLUME}:
        if steps:
            raise InvalidPricingError(f"A {pricing.model} price has no steps.")
        return
    if not 1 <= len(steps) <= STEPS_MAX:
        raise InvalidPricingError(f"A price has 1 to {STEPS_MAX} steps.")
    _check_ends([step.up_to for step in steps])
    _check_amounts(steps)


def _check_ends(ends: list[int | None]) -> None:
    bounds = [end for end in ends if end is not None]
    if ends[-1] is not None or len(bounds) != len(ends) - 1:
        raise InvalidPricingError("The last step has no end, and only the last.")
    if any(end <= begin for begin, end in pairwise([0, *bounds])):
        raise InvalidPricingError("Each step ends above the one before it.")
    if bounds and bounds[-1] > QUANTITY_MAX:
        raise InvalidPricingError(f"A step ends at {QUANTITY_MAX:,} or below.")


def _check_amounts(steps: tuple[Step, ...]) -> None:
    flats = [step.flat_nanos for step in steps]
    if min(step.rate_nanos_per_million for step in steps) < 0 or min(flats) < 0:
        raise InvalidPricingError("A rate or flat amount is not below zero.")
    if max(flats) > FLAT_NANOS_MAX:
        raise InvalidPricingError("A flat amount is 9 million at most.")
    if len(steps) == 1 and flats[0]:
        # There is no unit to spread it over: it is what the month costs.
        raise InvalidPricingError("A flat amount of a single step belongs to a plan.")
