"""What the money limits are charged for leases, once their time is measured.

It is decided per call and never below the bill, so it is rounded up; and by the month,
so that what an invoice of a month gives back is what the month's calls were charged.
"""

from billing.domain.money import UNITS_PER_RATE


def held_nanos(mb_s: int, rate_nanos_per_million: int) -> int:
    """Of all that was held in a month, in one tier under one price version."""
    return -(-mb_s * rate_nanos_per_million // UNITS_PER_RATE)
