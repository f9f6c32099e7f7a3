"""When a child that died is started again."""

DELAY_SECONDS_MAX = 30.0
HEALTHY_SECONDS = 60.0
"""After this long a child is well again, and its earlier failures are forgotten."""
FAILURES_MAX = 5


def delay_seconds(failures: int) -> float:
    """1, 2, 4 … 30 seconds after the first, second, third … failure in a row."""
    return min(2.0 ** min(failures - 1, 10), DELAY_SECONDS_MAX)  # no float overflows


def failures_after(failures: int, *, lived_seconds: float) -> int:
    """Failures in a row, now that a child has died that lived this long."""
    return 1 if lived_seconds >= HEALTHY_SECONDS else failures + 1
