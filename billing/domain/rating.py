"""Rating: which price a tenant's usage has, per price version and meter."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from billing.domain.price_models import MeterPricing, standard
from billing.errors import UnpricedUsageError
from metering.domain.usage import Meter

METER_NAMES = (
    Meter.NEW_INPUT_TOKENS.value,
    Meter.CACHED_INPUT_TOKENS.value,
    Meter.OUTPUT_TOKENS.value,
    Meter.IMAGES.value,
    Meter.HBM_MB_S.value,
    Meter.HOST_MB_S.value,
    Meter.DISK_MB_S.value,
)
"""The meters that have a price, in the order of an invoice."""

RATE_FIELDS = {
    METER_NAMES[0]: "new_input_nanos_per_million",
    METER_NAMES[1]: "cached_input_nanos_per_million",
    METER_NAMES[2]: "output_nanos_per_million",
    METER_NAMES[3]: "image_nanos_per_million",
    METER_NAMES[4]: "hbm_mb_s_nanos_per_million",
    METER_NAMES[5]: "host_mb_s_nanos_per_million",
    METER_NAMES[6]: "disk_mb_s_nanos_per_million",
}
"""Of `Rates`, by meter."""

_UNPRICED_METERS = frozenset(
    {
        Meter.REQUESTS.value,
        Meter.LEASED_INPUT_TOKENS.value,
        Meter.CHARGED_NANOS.value,
    }
)


@dataclass(frozen=True, kw_only=True)
class Rates:
    new_input_nanos_per_million: int
    cached_input_nanos_per_million: int
    output_nanos_per_million: int
    image_nanos_per_million: int | None = None
    """Per million images; None: images of the model are not sold."""
    hbm_mb_s_nanos_per_million: int | None = None
    """Of a lease, per million MB_s; None: not sold."""
    host_mb_s_nanos_per_million: int | None = None
    disk_mb_s_nanos_per_million: int | None = None

    def __post_init__(self) -> None:
        if min(rate for rate in vars(self).values() if rate is not None) < 0:
            raise ValueError(f"a rate is below zero: {self}")

    def of_meter(self, meter: str) -> int | None:
        """Nanos per million; None: it is not sold. Raises KeyError for a meter that
        never has a price.
        """
        rate: int | None = getattr(self, RATE_FIELDS[meter])
        return rate


@dataclass(frozen=True, kw_only=True)
class Price:
    price_version_id: int
    model: str
    rates: Rates
    pricings: Mapping[str, MeterPricing] = field(default_factory=dict)
    """By meter: of those that are not standard. Their rate is the dearest, and not what
    a bill is made of.
    """

    def pricing_of(self, meter: str) -> MeterPricing | None:
        """None: it is not sold. Raises KeyError for a meter that never has a price."""
        if meter in self.pricings:
            return self.pricings[meter]
        rate_nanos_per_million = self.rates.of_meter(meter)
        if rate_nanos_per_million is None:
            return None
        return standard(rate_nanos_per_million)


@dataclass(frozen=True, kw_only=True)
class Usage:
    """The sum over a span of one tenant's rollups."""

    model: str
    meter: str
    price_version_id: int
    quantity: int


@dataclass(frozen=True, kw_only=True)
class PricedUsage:
    usage: Usage
    pricing: MeterPricing


def find_pricings(
    usages: Iterable[Usage], prices: Mapping[int, Price]
) -> list[PricedUsage]:
    """The usage that has a price, with it; unpriced meters are left out.

    Raises UnpricedUsageError for usage whose price version is not among `prices`, or
    is the price of another model, and for a meter that nobody said is free.
    """
    return [
        PricedUsage(usage=usage, pricing=_pricing(usage, prices))
        for usage in usages
        if usage.meter not in _UNPRICED_METERS and usage.quantity
    ]


def _pricing(usage: Usage, prices: Mapping[int, Price]) -> MeterPricing:
    what = f"{usage.quantity} {usage.meter} of {usage.model}"
    price = prices.get(usage.price_version_id)
    if price is None:
        raise UnpricedUsageError(
            f"{what} name price version {usage.price_version_id}, which is not there"
        )
    if price.model != usage.model:
        raise UnpricedUsageError(
            f"{what} name price version {usage.price_version_id}, which is of"
            f" {price.model}"
        )
    if usage.meter not in METER_NAMES:
        raise UnpricedUsageError(f"{what} have a meter that no price knows")
    pricing = price.pricing_of(usage.meter)
    if pricing is None:
        raise UnpricedUsageError(
            f"{what} name price version {usage.price_version_id}, which does not sell"
            " them"
        )
    return pricing
