"""How long a cached prompt lives, and how its leases follow one another.

Its life is a chain of short leases on each engine, each renewed before it ends: what an
engine was asked for an hour ago may be all that a dead control plane leaves behind.
"""

import re
from decimal import Decimal

TTL_SECONDS_MIN = 60
TTL_SECONDS_MAX = 30 * 86_400
LEASE_MS_MAX = 3_600_000
RENEWED_BEFORE_MS = 300_000
"""A lease that ends before its prompt does is renewed so long before."""
_LIFE_PARTS = 4
"""A life that renews itself is renewed in the last quarter, if that is shorter."""
_DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(s|m|h|d)", re.ASCII)
_UNIT_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


def duration_ms(text: str) -> int:
    """Of `90s`, `1.5m`, `2h` or `30d`, rounded down. Raises ValueError."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError(
            "expected a number with one of the units s, m, h or d, such as `90s`, "
            "`1.5h` or `30d`"
        )
    return int(Decimal(match[1]) * _UNIT_MS[match[2]])


def lease_ttl_ms(*, now_ms: int, expires_at_ms: int) -> int:
    """Of the next lease of the chain; 0: there is no time left."""
    return max(0, min(LEASE_MS_MAX, expires_at_ms - now_ms))


def is_life_to_be_renewed(*, now_ms: int, expires_at_ms: int, ttl_ms: int) -> bool:
    """Of a prompt that renews itself."""
    return now_ms >= expires_at_ms - min(RENEWED_BEFORE_MS, ttl_ms // _LIFE_PARTS)
