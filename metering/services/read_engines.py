"""Writes down what every engine has counted so far: the audit's raw material."""

from datetime import UTC, datetime

from django.db import connection, transaction

from inference.domain.engine_counters import EngineCounters
from inference.models import Engine
from inference.services.read_engine_counters import Answer, read_engine_counters
from metering.audit_models import EngineEpoch, EngineReading

_LOCK = 0xE7_6145
"""Names our advisory lock: readings are compared with the one before."""


def read_engines() -> int:
    """Asks all engines once; returns how many readings were stored.

    Safe twice and at the same time: a reading that was overtaken by a later one of the
    same engine is dropped.
    """
    answers = read_engine_counters(Engine.objects.order_by("id"))
    return sum(map(store_reading, answers))


@transaction.atomic
def store_reading(answer: Answer) -> int:
    """How many rows: one for each model; 0 if a later answer is there already."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL lock_timeout = '5s'")
        cursor.execute(
            "SELECT pg_advisory_xact_lock(%s, %s)",
            [_LOCK, answer.engine_id % 2**31],
        )
    of_engine = EngineReading.objects.filter(epoch__engine_id=answer.engine_id)
    if of_engine.filter(asked_at__gte=answer.asked_at).exists():
        return 0
    epoch = _epoch_of(answer)
    readings = [
        _reading(epoch, model, counters, answer)
        for model, counters in answer.metrics.models.items()
    ]
    return len(EngineReading.objects.bulk_create(readings))


def _epoch_of(answer: Answer) -> EngineEpoch:
    """The engine's life that the answer is of; a new one if it says so, or if a counter
    is below what it was.
    """
    epochs = EngineEpoch.objects.filter(engine_id=answer.engine_id)
    newest = epochs.order_by("started_at").last()
    started_at = _start_of(answer)
    if newest is not None and not _has_fallen(newest, answer):
        if started_at is None or started_at == newest.started_at:
            return newest
        # Counters that fell once under one start: its epochs are told by readings.
        if started_at < newest.started_at:
            return newest
    if started_at is None or (newest and started_at <= newest.started_at):
        return EngineEpoch.objects.create(
            engine_id=answer.engine_id,
            started_at=answer.asked_at,
            is_start_known=False,
        )
    return EngineEpoch.objects.create(
        engine_id=answer.engine_id, started_at=started_at, is_start_known=True
    )


def _start_of(answer: Answer) -> datetime | None:
    seconds = answer.metrics.started_at
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _has_fallen(epoch: EngineEpoch, answer: Answer) -> bool:
    for model, counters in answer.metrics.models.items():
        before = epoch.readings.filter(model=model).order_by("asked_at").last()
        if before is not None and any(
            now < then
            for now, then in zip(_counts(counters), _counts_of(before), strict=True)
        ):
            return True
    return False


def _counts(counters: EngineCounters) -> tuple[int, ...]:
    return (
        counters.computed_input_tokens,
        counters.cached_input_tokens,
        counters.external_input_tokens,
        counters.output_tokens,
    )


def _counts_of(reading: EngineReading) -> tuple[int, ...]:
    return (
        reading.computed_input_tokens,
        reading.cached_input_tokens,
        reading.external_input_tokens,
        reading.output_tokens,
    )


def _reading(
    epoch: EngineEpoch, model: str, counters: EngineCounters, answer: Answer
) -> EngineReading:
    return EngineReading(
        epoch=epoch,
        model=model,
        asked_at=answer.asked_at,
        answered_at=answer.answered_at,
        computed_input_tokens=counters.computed_input_tokens,
        cached_input_tokens=counters.cached_input_tokens,
        external_input_tokens=counters.external_input_tokens,
        output_tokens=counters.output_tokens,
        running_requests=counters.running,
        waiting_requests=counters.waiting,
    )
