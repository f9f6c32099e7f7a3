"""What may be said of a limit, whatever it limits."""

from collections.abc import Iterable

AMOUNT_MAX = 2**53 - 1
"""Valkey's Lua counts in doubles; above this they skip integers. As nanos, nine
million dollars."""
KV_TIMEOUT_SECONDS_MAX = 86_400
"""Of a lease, as for calls that ask for one themselves."""
TEXT_RETENTION_DAYS_MAX = 90
DEFAULT_THRESHOLDS_PERCENT = (50, 80, 100)
_THRESHOLDS_MAX = 5
_PERCENT_MAX = 1000


def is_amount(amount: int) -> bool:
    return 0 < amount <= AMOUNT_MAX


def clean_thresholds(percents: Iterable[int]) -> list[int] | None:
    """Ascending and each once; None: none at all, too many, or out of 1 to 1000."""
    cleaned = sorted(set(percents))
    is_valid = (
        0 < len(cleaned) <= _THRESHOLDS_MAX
        and cleaned[0] > 0
        and cleaned[-1] <= _PERCENT_MAX
    )
    return cleaned if is_valid else None
