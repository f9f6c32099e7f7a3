"""How a meter's price is typed, and written back.

0.10                                a rate: US dollars per million (an image: each)
package 1M:2                        2 for each million begun
graduated 1M:2 5M:1.5 rest:1        up to a million, up to five, and above
volume 1M:2+10 rest:1               a flat 10 besides, once the step is entered
"""

import re

from billing.domain.money import (
    UNITS_PER_RATE,
    exact_amount,
    parse_amount,
    parse_image_rate,
    parse_rate,
)
from billing.domain.price_models import MeterPricing, PriceModel, Step, standard
from billing.errors import InvalidPricingError
from metering.domain.usage import Meter

_SIZES = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9}
_COUNT = re.compile(r"(\d[\d_]{0,20})([kMG]?)")
_REST = "rest"


def parse_pricing(meter: str, text: str) -> MeterPricing:
    """Raises InvalidPricingError, InvalidRateError and InvalidAmountError."""
    word, *parts = re.split(r"[\s,]+", text.strip())
    match word:
        case PriceModel.PACKAGE:
            return _package(parts)
        case PriceModel.GRADUATED | PriceModel.VOLUME:
            steps = tuple(_step(meter, part) for part in parts)
            return MeterPricing(PriceModel(word), steps=steps)
    return standard(_rate(meter, text))


def pricing_text(meter: str, pricing: MeterPricing) -> str:
    """What `parse_pricing` makes the same of."""
    match pricing.model:
        case PriceModel.STANDARD:
            return _rate_text(meter, pricing.rate_nanos_per_million)
        case PriceModel.PACKAGE:
            units = _count_text(pricing.package_units)
            return f"package {units}:{exact_amount(pricing.package_nanos)}"
        case PriceModel.GRADUATED | PriceModel.VOLUME:
            steps = [_step_text(meter, step) for step in pricing.steps]
            return " ".join([pricing.model, *steps])


def _package(parts: list[str]) -> MeterPricing:
    if len(parts) != 1:
        raise InvalidPricingError("A package is written as `package 1M:2`.")
    units, amount = _pair(parts[0])
    return MeterPricing(
        PriceModel.PACKAGE,
        package_units=_count(units),
        package_nanos=parse_amount(amount),
    )


def _step(meter: str, part: str) -> Step:
    end, price = _pair(part)
    rate, plus, flat = price.partition("+")
    return Step(
        None if end == _REST else _count(end),
        _rate(meter, rate),
        parse_amount(flat) if plus else 0,
    )


def _pair(part: str) -> tuple[str, str]:
    first, colon, second = part.partition(":")
    if not colon:
        raise InvalidPricingError(f"{part!r} is not written as `1M:2`.")
    return first, second


def _count(text: str) -> int:
    found = _COUNT.fullmatch(text)
    if found is None:
        raise InvalidPricingError(f"{text!r} is no number such as 500k or 1M.")
    return int(found[1].replace("_", "")) * _SIZES[found[2]]


def _count_text(count: int) -> str:
    unit = max(
        (unit for unit in _SIZES if count % _SIZES[unit] == 0), key=_SIZES.__getitem__
    )
    return f"{count // _SIZES[unit]}{unit}"


def _rate(meter: str, text: str) -> int:
    is_image = meter == Meter.IMAGES
    return parse_image_rate(text) if is_image else parse_rate(text)


def _rate_text(meter: str, rate_nanos_per_million: int) -> str:
    if meter == Meter.IMAGES:
        return exact_amount(rate_nanos_per_million // UNITS_PER_RATE)
    return exact_amount(rate_nanos_per_million)


def _step_text(meter: str, step: Step) -> str:
    end = _REST if step.up_to is None else _count_text(step.up_to)
    flat = f"+{exact_amount(step.flat_nanos)}" if step.flat_nanos else ""
    return f"{end}:{_rate_text(meter, step.rate_nanos_per_million)}{flat}"
