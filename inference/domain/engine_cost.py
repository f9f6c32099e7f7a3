"""What engines cost us by the clock, whether or not they are used. Integers."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

SECONDS_PER_HOUR = 3600
_MICROSECOND = timedelta(microseconds=1)
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, kw_only=True)
class CostRate:
    """Holds from its start until the next one's."""

    starts_at: datetime
    gpus: int
    nanos_per_gpu_hour: int
    currency: str

    @property
    def is_given_back(self) -> bool:
        """Nothing is paid for from here on, and there is nothing to use."""
        return self.gpus == 0


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Of one engine over a span, in one currency."""

    rented_seconds: int
    gpu_seconds: int
    amount_nanos: int


NO_COST = Cost(rented_seconds=0, gpu_seconds=0, amount_nanos=0)


def cost_between(
    rates: Sequence[CostRate], *, start: datetime, end: datetime, currency: str
) -> Cost:
    """`rates` in the order of their starts; those of other currencies are passed over.
    Half a nano is rounded up, once.
    """
    rented = gpu = nano_microseconds = 0
    for rate, begin, stop in _pieces(rates, start, end):
        if rate.currency != currency or rate.is_given_back:
            continue
        microseconds = (stop - begin) // _MICROSECOND
        rented += microseconds
        gpu += microseconds * rate.gpus
        nano_microseconds += microseconds * rate.gpus * rate.nanos_per_gpu_hour
    per_hour = SECONDS_PER_HOUR * (_SECOND // _MICROSECOND)
    return Cost(
        rented_seconds=rented * _MICROSECOND // _SECOND,
        gpu_seconds=gpu * _MICROSECOND // _SECOND,
        amount_nanos=(2 * nano_microseconds + per_hour) // (2 * per_hour),
    )


def split(amount: int, weights: Sequence[int]) -> list[int]:
    """`amount` by `weights`, not all of them zero; the parts come to the whole."""
    whole, given, parts, before = sum(weights), 0, [], 0
    for weight in weights:
        before += weight
        part = amount * before // whole - given
        given += part
        parts.append(part)
    return parts


def add_costs(costs: Iterable[Cost]) -> Cost:
    rented = gpu = nanos = 0
    for cost in costs:
        rented += cost.rented_seconds
        gpu += cost.gpu_seconds
        nanos += cost.amount_nanos
    return Cost(rented_seconds=rented, gpu_seconds=gpu, amount_nanos=nanos)


def _pieces(
    rates: Sequence[CostRate], start: datetime, end: datetime
) -> Iterator[tuple[CostRate, datetime, datetime]]:
    ends = [*(rate.starts_at for rate in rates[1:]), end]
    for rate, until in zip(rates, ends[: len(rates)], strict=True):
        begin, stop = max(rate.starts_at, start), min(until, end)
        if begin < stop:
            yield rate, begin, stop
