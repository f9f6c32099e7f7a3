"""The daily audit: usage events against the engines' own counters, engine by engine."""

import logging
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import partial

from django.db import connection, transaction
from django.db.models import Count, Min

from inference.models import Engine
from metering.audit_models import (
    EngineEpoch,
    EngineReading,
    ReconciledDay,
    ReconciliationStatement,
)
from metering.domain.operator_mails import drift_mail
from metering.domain.reconciliation import Status
from metering.models import UsageEvent
from metering.services.alert_operators import alert_operators
from metering.services.describe_statement import describe_statement
from metering.services.judge_epoch import Judgement, Span, judge_epoch
from metering.services.shipped_up_to import shipped_up_to
from metering.services.sum_engine_usage import engine_events
from metering.services.write_statement import Subject, write_statement

logger = logging.getLogger(__name__)

SETTLING = timedelta(minutes=10)
"""How old a reading must be to be judged: the answer of a call may still be on its way
to a slow client, long after the engine has counted it."""
_LOCK = 0xE7_6146


class JournalUnknownError(Exception):
    """There is no journal here, so nobody can say which events are missing."""


def reconcile_engines(
    day: date, *, now: datetime, settling: timedelta = SETTLING
) -> list[ReconciliationStatement]:
    """Judges one UTC day as far as it is known, and returns its current statements.

    Safe again: a statement that says nothing new stays. A new one that drifted is
    logged as an error and mailed to the operators. Raises JournalUnknownError.
    """
    shipped = shipped_up_to()
    if shipped is None:
        raise JournalUnknownError(
            "There is no journal here; run this where proxies do."
        )
    with transaction.atomic():
        _lock(day)
        _judge_day(day, known_until=min(shipped, now - settling), now=now)
    of_day = ReconciliationStatement.objects.filter(day=day)
    return list(of_day.current().select_related("epoch"))


def _lock(day: date) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL lock_timeout = '60s'")
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_LOCK, day.toordinal()])


def _judge_day(day: date, *, known_until: datetime, now: datetime) -> None:
    start = datetime.combine(day, time(), UTC)
    end = start + timedelta(days=1)
    until = min(end, known_until)
    began_at = EngineReading.objects.aggregate(at=Min("asked_at"))["at"]
    if until <= start or began_at is None or began_at >= end:
        return
    for subject, judgement in _judgements(day, start, until, began_at=began_at):
        written = write_statement(judgement, subject, known_until=until, now=now)
        if written.says_a_new_difference:
            transaction.on_commit(partial(_alert, written.statement))
    if until == end:
        ReconciledDay.objects.update_or_create(day=day, defaults={"judged_at": now})


def _judgements(
    day: date, start: datetime, until: datetime, *, began_at: datetime
) -> Iterator[tuple[Subject, Judgement]]:
    used = _models_by_engine(start, until)
    epochs = EngineEpoch.objects.filter(started_at__lt=until)
    for engine_id in sorted({*used, *epochs.values_list("engine_id", flat=True)}):
        of_engine = list(epochs.filter(engine_id=engine_id).order_by("started_at"))
        models = used.get(engine_id, set())
        for span in _spans(of_engine, models, start=start, until=until):
            subject = Subject(
                engine_id=engine_id, epoch=span.epoch, model=span.model, day=day
            )
            if judgement := judge_epoch(span):
                yield subject, judgement
        begin = max(start, began_at)
        end = of_engine[0].started_at if of_engine else until
        for model in sorted(models):
            subject = Subject(engine_id=engine_id, epoch=None, model=model, day=day)
            if judgement := _unread(engine_id, model, begin=begin, end=end):
                yield subject, judgement


def _models_by_engine(start: datetime, until: datetime) -> dict[int, set[str]]:
    events = UsageEvent.objects.filter(
        happened_at__gte=start, happened_at__lt=until, images=0
    )
    found: dict[int, set[str]] = {}
    pairs = events.order_by().values_list("engine_id", "model").distinct()
    for engine_id, model in pairs:
        found.setdefault(engine_id, set()).add(model)
    return found


def _spans(
    epochs: list[EngineEpoch], used: set[str], *, start: datetime, until: datetime
) -> list[Span]:
    """Each life of the engine that reaches into the day, with each model that it
    counted for or that events name.
    """
    spans: list[Span] = []
    for number, epoch in enumerate(epochs):
        following = epochs[number + 1].started_at if epochs[number + 1 :] else None
        if following is not None and following <= start:
            continue
        readings = EngineReading.objects.filter(
            epoch=epoch, asked_at__gte=start, asked_at__lt=until
        )
        models = used | set(
            readings.order_by().values_list("model", flat=True).distinct()
        )
        spans += [
            Span(
                epoch=epoch,
                next_started_at=following,
                model=model,
                day_start=start,
                until=until,
            )
            for model in sorted(models)
        ]
    return spans


def _unread(
    engine_id: int, model: str, *, begin: datetime, end: datetime
) -> Judgement | None:
    """Events of an engine that no reading was ever taken of."""
    events = engine_events(engine_id, model).filter(
        happened_at__gte=begin, sent__lt=end, happened_at__lt=end
    )
    count = events.aggregate(n=Count("*"))["n"]
    if not count:
        return None
    nothing = {"events": count, "input_tokens": 0, "output_tokens": 0}
    return Judgement(
        status=Status.UNREAD,
        opening=None,
        closing=None,
        last=None,
        exact=[],
        bounded=[],
        events=0,
        events_left=0,
        unprovable=nothing,
    )


def _alert(statement: ReconciliationStatement) -> None:
    text = describe_statement(statement, engine_names=_engine_names())
    logger.error("%s", text)
    alert_operators(drift_mail(text))


def _engine_names() -> dict[int, str]:
    return dict(Engine.objects.values_list("pk", "name"))
