"""What holding a prompt costs, and from how many calls on that pays."""

from collections.abc import Iterable

from billing.domain.lease_cost import storage_nanos
from billing.services.prices.read_lease_rates import LeaseRates


def held_price(size: int, tier: str, rates: LeaseRates, *, time_ms: int) -> int | None:
    """So many bytes in that tier for so long; None: it is not sold."""
    rate = rates.of(tier)
    if rate is None:
        return None
    return storage_nanos(size, time_ms=time_ms, rate_nanos_per_million=rate)


def calls_to_pay(hour_nanos: int | None, worth_nanos: int) -> int | None:
    """Calls per hour from which on holding costs no more than reading anew."""
    if hour_nanos is None or not worth_nanos:
        return None
    return -(-hour_nanos // worth_nanos)


def sum_of(amounts: Iterable[int | None]) -> int | None:
    """None: one of them is not known."""
    total = 0
    for amount in amounts:
        if amount is None:
            return None
        total += amount
    return total
