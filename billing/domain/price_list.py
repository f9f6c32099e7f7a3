"""What the prices of one model have to do with each other."""

from collections.abc import Mapping
from dataclasses import replace

from billing.domain.price_models import (
    MeterPricing,
    PriceModel,
    dearest_rate,
    is_dearer_somewhere,
)
from billing.domain.rating import RATE_FIELDS, Price, Rates
from billing.errors import ArbitrageError, InvalidPricingError
from metering.domain.usage import Meter

_NEVER_DEARER = (
    (Meter.CACHED_INPUT_TOKENS, Meter.NEW_INPUT_TOKENS),
    (Meter.HOST_MB_S, Meter.HBM_MB_S),
    (Meter.DISK_MB_S, Meter.HOST_MB_S),
    (Meter.DISK_MB_S, Meter.HBM_MB_S),
)
"""The worse thing, and the better one. Who is charged more for cached input makes sure
that nothing is cached; who is charged more for slower memory asks for the faster. The
proxy counts on it as well: what it holds is enough when nothing is cached, and when a
lease stays in the fastest memory that it may lie in."""


_ALWAYS = (Meter.NEW_INPUT_TOKENS, Meter.CACHED_INPUT_TOKENS, Meter.OUTPUT_TOKENS)
_FREE = Rates(
    new_input_nanos_per_million=0,
    cached_input_nanos_per_million=0,
    output_nanos_per_million=0,
)


def rates_of(pricings: Mapping[str, MeterPricing]) -> Rates:
    """Of a price that is given meter by meter; one that is left out is not sold.

    Raises InvalidPricingError when input or output is left out: that is never meant.
    """
    if missing := [meter.value for meter in _ALWAYS if meter not in pricings]:
        raise InvalidPricingError(f"There is no price for {', '.join(missing)}.")
    return with_pricings(_FREE, pricings)


def with_pricings(rates: Rates, pricings: Mapping[str, MeterPricing]) -> Rates:
    """The rates with the dearest of each meter in `pricings`, which the proxy charges.

    Raises InvalidPricingError for a meter that has no price.
    """
    if unknown := set(pricings) - set(RATE_FIELDS):
        raise InvalidPricingError(f"There is no price of {', '.join(sorted(unknown))}.")
    changes = {
        RATE_FIELDS[meter]: dearest_rate(pricing) for meter, pricing in pricings.items()
    }
    return replace(rates, **changes)


def not_standard(pricings: Mapping[str, MeterPricing]) -> dict[str, MeterPricing]:
    """Those of which the rate does not tell all."""
    return {
        meter: pricing
        for meter, pricing in pricings.items()
        if pricing.model is not PriceModel.STANDARD
    }


def check_no_arbitrage(price: Price) -> None:
    """Raises ArbitrageError."""
    for worse, better in _NEVER_DEARER:
        one, other = price.pricing_of(worse), price.pricing_of(better)
        if one and other and _is_dearer(one, other):
            raise ArbitrageError(
                f"{worse} would cost more than {better} somewhere: nobody pays more for"
                " the worse of two things."
            )


def _is_dearer(one: MeterPricing, other: MeterPricing) -> bool:
    return dearest_rate(one) > dearest_rate(other) or is_dearer_somewhere(one, other)
