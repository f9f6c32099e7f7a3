"""What the demo's engine costs, and how busy it was."""

from datetime import datetime, timedelta

from django.db.models import Sum

from config.demo.catalogue import Shelf
from inference.services.set_engine_cost import set_engine_cost
from metering.engine_usage_models import EngineLoadHour, EngineUsageHour
from metering.services.fold_engine_usage import fold_engine_usage

_GPUS = 1
_NANOS_PER_GPU_HOUR = 190_000_000
_FOLDED = timedelta(days=32)
"""Earlier hours are left to the task, which takes the newest first."""
_SECONDS_PER_CALL = 45


def rent(shelf: Shelf, now: datetime) -> None:
    set_engine_cost(
        shelf.engine,
        starts_at=now,
        gpus=_GPUS,
        nanos_per_gpu_hour=_NANOS_PER_GPU_HOUR,
        currency="USD",
        now=now,
    )


def sum_up(shelf: Shelf, now: datetime) -> None:
    """The latest hours; nobody has read the counters of an engine that is not there."""
    fold_engine_usage(now=now, hours_max=_FOLDED // timedelta(hours=1))
    rows = EngineUsageHour.objects.filter(engine_id=shelf.engine.pk)
    calls = rows.order_by().values_list("hour_at").annotate(sum=Sum("requests"))
    EngineLoadHour.objects.filter(engine_id=shelf.engine.pk).delete()
    EngineLoadHour.objects.bulk_create(
        EngineLoadHour(
            hour_at=hour_at,
            engine_id=shelf.engine.pk,
            busy_seconds=min(3_480, _SECONDS_PER_CALL * requests),
        )
        for hour_at, requests in calls
    )
