"""One engine epoch, model and day: what the engine counted against what events say."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Q, QuerySet, Sum

from inference.models import ServedModel
from metering.audit_models import EngineEpoch, EngineReading, ReconciliationStatement
from metering.domain.reconciliation import (
    Counts,
    Line,
    Source,
    Status,
    UsageGroup,
    line_of,
    status_of,
)
from metering.services.pick_readings import (
    COUNTER_LAG,
    pick_readings,
    readings_between,
)
from metering.services.sum_engine_usage import (
    engine_events,
    spanning,
    sum_engine_usage,
)

_CONTEXT_TOKENS_MAX = 1_048_576
"""Of a model that is not in the catalogue any more."""


@dataclass(frozen=True, kw_only=True)
class Span:
    """The day's part of an epoch that is judged now."""

    epoch: EngineEpoch
    next_started_at: datetime | None
    """When the following epoch of the engine began; None: this one is the newest."""
    model: str
    day_start: datetime
    until: datetime
    """End of the day, or before: all events and readings before it are known."""

    @property
    def is_over(self) -> bool:
        return self.next_started_at is not None and self.next_started_at <= self.until


@dataclass(frozen=True, kw_only=True)
class Judgement:
    status: Status
    opening: EngineReading | None
    closing: EngineReading | None
    last: EngineReading | None
    exact: list[Line]
    bounded: list[Line]
    events: int
    events_left: int
    unprovable: dict[str, int]
    """`events`, `input_tokens`, `output_tokens`."""


def judge_epoch(span: Span) -> Judgement | None:
    """None: the epoch shows nothing of that day, no reading and no event."""
    events = _events_of(span)
    opening, is_at_rest = _opening(span)
    start = max(span.day_start, opening.answered_at) if opening else span.day_start
    readings = readings_between(span.epoch.pk, span.model, start=start, end=span.until)
    of_day = events.filter(happened_at__gte=span.day_start, happened_at__lt=span.until)
    if not readings and not of_day.exists():
        return None
    picked = pick_readings(span.epoch.engine_id, span.model, readings)
    counted = _between(events, opening, picked.quiet)
    exact: list[Line] = []
    if picked.quiet and is_at_rest:
        exact = _lines(span, opening, picked.quiet, counted=sum_engine_usage(counted))
    last = picked.last if is_at_rest else picked.last or picked.quiet
    bounded = _bounded(span, opening, last, events) if last else []
    behind = picked.quiet.asked_at if picked.quiet else span.day_start
    tail = of_day.filter(happened_at__gt=behind)
    unprovable = _unprovable(span, tail)
    return Judgement(
        status=status_of(exact, bounded),
        opening=opening,
        closing=picked.quiet,
        last=last,
        exact=exact,
        bounded=bounded,
        events=counted.count() if exact else 0,
        events_left=tail.count() - unprovable["events"],
        unprovable=unprovable,
    )


def _events_of(span: Span) -> QuerySet[Any]:
    """What was sent to this life of the engine, calls that saw it die included."""
    started_at = span.epoch.started_at
    events = engine_events(span.epoch.engine_id, span.model)
    events = events.filter(sent__gte=started_at, happened_at__gte=started_at)
    if span.next_started_at is not None:
        events = events.filter(sent__lt=span.next_started_at)
    return events


def _opening(span: Span) -> tuple[EngineReading | None, bool]:
    """Where the day before closed, and whether the engine was at rest there. None: at
    zero, the begin of the epoch.
    """
    before = ReconciliationStatement.objects.filter(
        epoch=span.epoch,
        model=span.model,
        day__lt=span.day_start.date(),
        closing__isnull=False,
    ).order_by("-day", "-version")
    if statement := before.select_related("closing").first():
        return statement.closing, True
    if span.epoch.is_start_known:
        return None, True
    # The first reading stands for the start; calls may have been in flight.
    readings = EngineReading.objects.filter(epoch=span.epoch, model=span.model)
    return readings.order_by("asked_at").first(), False


def _between(
    events: QuerySet[Any],
    opening: EngineReading | None,
    closing: EngineReading | None,
) -> QuerySet[Any]:
    if opening is not None:
        events = events.filter(happened_at__gt=opening.asked_at)
    if closing is not None:
        events = events.filter(happened_at__lte=closing.asked_at)
    return events


def _bounded(
    span: Span,
    opening: EngineReading | None,
    last: EngineReading,
    events: QuerySet[Any],
) -> list[Line]:
    in_flight = spanning(last.asked_at - COUNTER_LAG, last.answered_at)
    groups = sum_engine_usage(events.filter(in_flight))
    known = sum(group.samples for group in groups)
    ended = Q(happened_at__lte=last.asked_at - COUNTER_LAG)
    counted = _between(events, opening, None).filter(ended)
    if opening is not None:
        # Begun before the opening: nothing, if the engine was at rest there.
        begun = spanning(opening.asked_at - COUNTER_LAG, opening.answered_at)
        groups += sum_engine_usage(counted.filter(begun))
        counted = counted.exclude(begun)
    return _lines(
        span,
        opening,
        last,
        counted=sum_engine_usage(counted),
        in_flight=groups,
        unknown_requests=max(0, last.running_requests + last.waiting_requests - known),
    )


def _lines(
    span: Span,
    opening: EngineReading | None,
    closing: EngineReading,
    *,
    counted: list[UsageGroup],
    in_flight: list[UsageGroup] | None = None,
    unknown_requests: int = 0,
) -> list[Line]:
    change = _counts(closing) - (_counts(opening) if opening else Counts())
    model = ServedModel.objects.filter(name=span.model).first()
    return [
        line_of(
            source,
            engine=change.of(source),
            counted=counted,
            spanning=in_flight or [],
            unknown_requests=unknown_requests,
            context_tokens=model.context_tokens if model else _CONTEXT_TOKENS_MAX,
        )
        for source in Source
    ]


def _counts(reading: EngineReading) -> Counts:
    return Counts(
        new_input=reading.computed_input_tokens,
        cached_input=reading.cached_input_tokens + reading.external_input_tokens,
        output=reading.output_tokens,
    )


def _unprovable(span: Span, tail: QuerySet[Any]) -> dict[str, int]:
    """Of the calls behind the last reading of a life that is over: what the engine
    counted for them, nobody can read any more.
    """
    if not span.is_over:
        return {"events": 0, "input_tokens": 0, "output_tokens": 0}
    final = (
        EngineReading.objects.filter(epoch=span.epoch, model=span.model)
        .order_by("asked_at")
        .last()
    )
    if final is not None:
        tail = tail.filter(happened_at__gt=final.asked_at - COUNTER_LAG)
    sums: dict[str, Any] = tail.aggregate(
        events=Count("*"),
        input_tokens=Sum("input_tokens"),
        output_tokens=Sum("output_tokens"),
    )
    return {name: int(value or 0) for name, value in sums.items()}
