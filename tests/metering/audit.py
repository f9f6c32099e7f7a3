"""Engines' readings and epochs, made by hand: for tests that need no engine."""

from datetime import UTC, datetime, timedelta

from metering.audit_models import EngineEpoch, EngineReading

MODEL = "smollm2-135m-instruct"
NOON = datetime(2026, 10, 5, 12, tzinfo=UTC)
"""Of a day that is over, for whatever clock the tests run by."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def us(at: datetime) -> int:
    """Microseconds since the epoch."""
    return (at - EPOCH) // timedelta(microseconds=1)


def after(**span: float) -> datetime:
    """`NOON` and so much."""
    return NOON + timedelta(**span)


def make_epoch(
    *, engine_id: int = 1, started_at: datetime | None = None, is_start_known=True
) -> EngineEpoch:
    return EngineEpoch.objects.create(
        engine_id=engine_id,
        started_at=started_at or after(hours=-6),
        is_start_known=is_start_known,
    )


def make_reading(
    epoch: EngineEpoch,
    asked_at: datetime,
    *,
    new: int = 0,
    cached: int = 0,
    external: int = 0,
    output: int = 0,
    running: int = 0,
    waiting: int = 0,
    model: str = MODEL,
) -> EngineReading:
    return EngineReading.objects.create(
        epoch=epoch,
        model=model,
        asked_at=asked_at,
        answered_at=asked_at + timedelta(milliseconds=5),
        computed_input_tokens=new,
        cached_input_tokens=cached,
        external_input_tokens=external,
        output_tokens=output,
        running_requests=running,
        waiting_requests=waiting,
    )
