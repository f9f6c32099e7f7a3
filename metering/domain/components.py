"""The parts that the public status page speaks of, and how each may be."""

import enum
from datetime import timedelta

COMPONENT_CHARACTERS_MAX = 120
API = "api"
PORTAL = "portal"
USAGE = "usage"
MODEL = "model:"
"""Before a model's public name."""
FRESH_FOR = timedelta(minutes=5)
"""A probe that is older says nothing of now."""
LATE = timedelta(minutes=1)
STUCK = timedelta(minutes=10)
"""From when on usage that is not booked yet is a disturbance."""


class Health(enum.StrEnum):
    UP = "up"
    DEGRADED = "degraded"
    DOWN = "down"


def health_of_engines(*, ready: int, count: int) -> Health:
    """Of a model: with some of its engines away there is less room."""
    if not ready:
        return Health.DOWN
    return Health.UP if ready == count else Health.DEGRADED


def health_of_lag(lag: timedelta) -> Health:
    if lag >= STUCK:
        return Health.DOWN
    return Health.DEGRADED if lag >= LATE else Health.UP


def percent_up(*, probes: int, failed: int) -> str:
    """With two decimals, rounded down, so that 100 is said only of all; empty: it was
    never probed.
    """
    if not probes:
        return ""
    hundredths = 10_000 * (probes - failed) // probes
    return f"{hundredths // 100}.{hundredths % 100:02}"
