"""A straight line through samples, and how sure it is."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import linear_regression


@dataclass(frozen=True, slots=True, kw_only=True)
class Slope:
    per_minute: float
    error: float
    """Two standard errors; infinite with fewer than three samples."""
    count: int


def slope(minutes: Sequence[float], values: Sequence[float]) -> Slope:
    """By least squares. Memory comes in steps, so neighbours resemble each other and
    the true error is somewhat larger.
    """
    count = len(minutes)
    if count < 3:
        return Slope(per_minute=0, error=math.inf, count=count)
    line = linear_regression(minutes, values)
    misses = (
        value - (line.intercept + line.slope * minute)
        for minute, value in zip(minutes, values, strict=True)
    )
    mean = sum(minutes) / count
    spread = sum((minute - mean) ** 2 for minute in minutes)
    variance = sum(miss * miss for miss in misses) / (count - 2)
    return Slope(
        per_minute=line.slope, error=2 * math.sqrt(variance / spread), count=count
    )
