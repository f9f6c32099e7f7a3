"""What usage comes to at its price version's rates; the bill itself is billing's.

Where a price has packages or steps, which depend on the whole month, the rate is the
dearest: what a call was charged by, so that parts add up; the bill is then less.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from billing.domain.money import amount_nanos
from billing.domain.rating import METER_NAMES, Rates
from billing.models.prices import PriceVersion


def find_rates(price_version_ids: Iterable[int]) -> dict[int, Rates]:
    versions = PriceVersion.objects.filter(pk__in=set(price_version_ids))
    return {version.pk: version.rates for version in versions}


def have_steps(totals: Iterable[dict[str, Any]]) -> bool:
    """Whether some of it has a price that is not the same for every unit."""
    versions = PriceVersion.objects.filter(
        pk__in={row["price_version_id"] for row in totals}
    )
    return versions.exclude(pricings_document={}).exists()


def amounts_of_totals(
    totals: Iterable[dict[str, Any]], dimension: str | None = None
) -> dict[Any, int | None]:
    """Nanos per value of `dimension` (without one: under the key None).

    `totals`: dicts with `price_version_id`, `meter`, `quantity` and the dimension.
    Quantities are added before they are multiplied, as on an invoice. None: something
    names a price that is not there, and unpriced use must not read as free.
    """
    quantities: dict[Any, dict[tuple[int, str], int]] = defaultdict(
        lambda: defaultdict(int)
    )
    for row in totals:
        if row["meter"] in METER_NAMES:
            place = row[dimension] if dimension else None
            quantities[place][row["price_version_id"], row["meter"]] += row["quantity"]
    rates = find_rates(key[0] for part in quantities.values() for key in part)
    return {
        place: amount_of_quantities(part, rates) for place, part in quantities.items()
    }


def amount_of_totals(totals: Iterable[dict[str, Any]]) -> int | None:
    return amounts_of_totals(totals).get(None, 0)


def amount_of_quantities(
    quantities: Mapping[tuple[int, str], int], rates: Mapping[int, Rates]
) -> int | None:
    """Nanos of what was used, by price version and meter; as `amounts_of_totals`."""
    amount = 0
    for (version, meter), quantity in quantities.items():
        rate = rates[version].of_meter(meter) if version in rates else None
        if rate is None:
            return None
        amount += amount_nanos(quantity, rate)
    return amount
