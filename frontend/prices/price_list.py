"""Prices as pages show them: each meter with its steps, and what quantities cost."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext

from billing.domain.money import UNITS_PER_RATE
from billing.domain.price_models import (
    MeterPricing,
    PriceModel,
    amount_of,
    dearest_rate,
)
from billing.domain.rating import METER_NAMES
from billing.models.prices import PriceVersion
from billing.services.prices.read_price_list import ModelPrices
from frontend import formatting
from frontend.currency import active_currency
from frontend.formatting import exact_amount
from frontend.lazy import lazy as _
from inference.models import ServedModel
from metering.domain.usage import Meter

TITLES = {
    Meter.NEW_INPUT_TOKENS.value: _("New input"),
    Meter.CACHED_INPUT_TOKENS.value: _("Cached input"),
    Meter.OUTPUT_TOKENS.value: _("Output"),
    Meter.IMAGES.value: _("Images"),
    Meter.HBM_MB_S.value: _("KV leases in GPU memory"),
    Meter.HOST_MB_S.value: _("KV leases in host memory"),
    Meter.DISK_MB_S.value: _("KV leases on disk"),
}
_LEASE_UNIT = "MB·s"
_UNITS = {Meter.IMAGES.value: "images"} | {
    meter.value: _LEASE_UNIT
    for meter in (Meter.HBM_MB_S, Meter.HOST_MB_S, Meter.DISK_MB_S)
}
_MODEL_TITLES = {
    PriceModel.STANDARD: "",
    PriceModel.PACKAGE: _("by packages"),
    PriceModel.GRADUATED: _("by steps, each part at its own"),
    PriceModel.VOLUME: _("by volume, all at the step that is reached"),
}
_CHART_POINTS = 60
_PACKAGES_SHOWN = 5
_UNITS_SHOWN = 1_000_000
"""Of a price with one step, which has no end of its own."""


@dataclass(frozen=True, kw_only=True)
class ShownStep:
    label: str
    price: str
    flat: str
    """Empty: none."""


@dataclass(frozen=True, kw_only=True)
class Sample:
    quantity: int
    amount_nanos: int


@dataclass(frozen=True, kw_only=True)
class ShownMeter:
    meter: str
    title: str
    price: str
    """`$0.10`; of steps `up to $0.10`."""
    per: str
    """`per million tokens`, `each`, `per 1,000 images begun`."""
    unit: str
    """`tokens`."""
    how: str
    """Empty: a standard price."""
    steps: tuple[ShownStep, ...]
    samples: tuple[Sample, ...]
    chart: dict[str, Any] | None
    """What price_chart.js draws; None: a standard price."""


@dataclass(frozen=True, kw_only=True)
class ShownChange:
    at: datetime
    meters: tuple[ShownMeter, ...]
    """Empty: not sold any more."""


@dataclass(frozen=True, kw_only=True)
class ShownPrices:
    served_model: ServedModel
    version: PriceVersion | None
    meters: tuple[ShownMeter, ...]
    """Empty: not sold yet."""
    changes: tuple[ShownChange, ...]

    @property
    def stepped(self) -> list[ShownMeter]:
        return [one for one in self.meters if one.chart]


def show_prices(prices: Iterable[ModelPrices]) -> list[ShownPrices]:
    return [
        ShownPrices(
            served_model=one.served_model,
            version=one.version,
            meters=show_meters(one.version),
            changes=tuple(
                ShownChange(at=change.at, meters=show_meters(change.version))
                for change in one.changes
            ),
        )
        for one in prices
    ]


def show_meters(version: PriceVersion | None) -> tuple[ShownMeter, ...]:
    """In the order of an invoice; without those that are not sold."""
    if version is None:
        return ()
    price = version.price
    pricings = {meter: price.pricing_of(meter) for meter in METER_NAMES}
    return tuple(show_meter(meter, one) for meter, one in pricings.items() if one)


def show_meter(meter: str, pricing: MeterPricing) -> ShownMeter:
    unit = unit_of(meter)
    is_standard = pricing.model is PriceModel.STANDARD
    return ShownMeter(
        meter=meter,
        title=TITLES[meter],
        price=_price(meter, pricing),
        per=_per(meter, pricing),
        unit=unit,
        how=_MODEL_TITLES[pricing.model],
        steps=_steps(meter, pricing),
        samples=() if is_standard else _samples(pricing),
        chart=None if is_standard else _chart(pricing),
    )


def _price(meter: str, pricing: MeterPricing) -> str:
    if pricing.model is PriceModel.PACKAGE:
        return exact_amount(pricing.package_nanos)
    rate = rate_text(meter, dearest_rate(pricing))
    return rate if pricing.model is PriceModel.STANDARD else f"up to {rate}"


def _per(meter: str, pricing: MeterPricing) -> str:
    if pricing.model is PriceModel.PACKAGE:
        return gettext("per %(package_units)s %(meter)s begun") % {
            "package_units": formatting.whole(pricing.package_units),
            "meter": unit_of(meter),
        }
    return per_rate(meter)


def per_rate(meter: str) -> str:
    return (
        "each"
        if meter == Meter.IMAGES
        else gettext("per million %(meter)s") % {"meter": unit_of(meter)}
    )


def unit_of(meter: str) -> str:
    return _UNITS.get(meter, "tokens")


def rate_text(meter: str, rate_nanos_per_million: int) -> str:
    """An image is priced each, all else by the million. Rounded up, for a dearest rate
    may be a part of a nano.
    """
    is_image = meter == Meter.IMAGES
    divisor = UNITS_PER_RATE if is_image else 1
    return exact_amount(-(-rate_nanos_per_million // divisor))


def _steps(meter: str, pricing: MeterPricing) -> tuple[ShownStep, ...]:
    begins = [0, *(step.up_to or 0 for step in pricing.steps)]
    return tuple(
        ShownStep(
            label=gettext("%(begin)s and more") % {"begin": formatting.whole(begin + 1)}
            if step.up_to is None
            else gettext("%(begin)s to %(end)s")
            % {
                "begin": formatting.whole(begin + 1),
                "end": formatting.whole(step.up_to),
            },
            price=f"{rate_text(meter, step.rate_nanos_per_million)} {per_rate(meter)}",
            flat=exact_amount(step.flat_nanos) if step.flat_nanos else "",
        )
        for begin, step in zip(begins, pricing.steps, strict=False)
    )


def _turns(pricing: MeterPricing) -> list[int]:
    """Quantities at which the price takes a turn, and the one just after each."""
    if pricing.model is PriceModel.PACKAGE:
        ends = [pricing.package_units * n for n in range(1, _PACKAGES_SHOWN + 1)]
    else:
        ends = [step.up_to for step in pricing.steps if step.up_to]
    return sorted({turn for end in ends for turn in (end, end + 1)})


def _most(pricing: MeterPricing) -> int:
    """Where the picture ends."""
    turns = _turns(pricing)
    if pricing.model is PriceModel.PACKAGE:
        return turns[-2]
    return turns[-1] * 3 // 2 if turns else _UNITS_SHOWN


def _samples(pricing: MeterPricing) -> tuple[Sample, ...]:
    quantities = sorted({1, _most(pricing), *_turns(pricing)})
    return tuple(
        Sample(quantity=one, amount_nanos=amount_of(pricing, one)) for one in quantities
    )


def _chart(pricing: MeterPricing) -> dict[str, Any]:
    """`{"currency": code, "at": [quantities], "nanos": [amounts]}`: integers all."""
    most = _most(pricing)
    between = (most * n // _CHART_POINTS for n in range(_CHART_POINTS + 1))
    at = sorted({1, *between, *(turn for turn in _turns(pricing) if turn <= most)})
    return {
        "currency": active_currency(),
        "at": at,
        "nanos": [amount_of(pricing, one) for one in at],
    }
