"""Which readings of an engine can be compared with events, and how well."""

from bisect import bisect_left
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate

from metering.audit_models import EngineReading
from metering.services.sum_engine_usage import earliest_sent_by_second, engine_events

COUNTER_LAG = timedelta(seconds=1)
"""vLLM moves its counters up to a scheduler step after the answer has left."""


@dataclass(frozen=True, kw_only=True)
class Picked:
    quiet: EngineReading | None
    """The latest with the engine at rest: what it counted and what the events say must
    be equal then."""
    last: EngineReading | None
    """The latest of all, if that is another."""


def pick_readings(engine_id: int, model: str, readings: list[EngineReading]) -> Picked:
    """`readings`: of one epoch, in order, of a time whose events are all stored."""
    if not readings:
        return Picked(quiet=None, last=None)
    quiet = _latest_quiet(engine_id, model, readings)
    last = readings[-1]
    return Picked(quiet=quiet, last=None if last == quiet else last)


def _latest_quiet(
    engine_id: int, model: str, readings: list[EngineReading]
) -> EngineReading | None:
    """With nothing in the engine, and no event that spans the reading: such a call may
    be counted in part, or wholly while its answer is on its way.
    """
    rests = [r for r in readings if r.running_requests + r.waiting_requests == 0]
    if not rests:
        return None
    by_second = earliest_sent_by_second(
        engine_events(engine_id, model),
        start=rests[0].asked_at - COUNTER_LAG - timedelta(seconds=1),
        end=rests[-1].answered_at,
    )
    seconds = [second for second, _ in by_second]
    # The earliest `sent` of all that happened in this second or later.
    earliest = list(accumulate((sent for _, sent in reversed(by_second)), min))[::-1]
    for reading in reversed(rests):
        # A whole second back: events of the second that the lag ends in may be later.
        ended_before = reading.asked_at - COUNTER_LAG - timedelta(seconds=1)
        at = bisect_left(seconds, ended_before)
        if at == len(seconds) or earliest[at] >= reading.answered_at:
            return reading
    return None


def readings_between(
    epoch_id: int, model: str, *, start: datetime, end: datetime
) -> list[EngineReading]:
    """Those asked and answered in [start, end), in order."""
    readings = EngineReading.objects.filter(
        epoch_id=epoch_id, model=model, asked_at__gte=start, answered_at__lt=end
    )
    return list(readings.order_by("asked_at"))
