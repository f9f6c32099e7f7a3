"""What each engine did in an hour, all tenants together: for what it earns."""

from datetime import UTC
from typing import Any

from django.db import models
from django.db.models import Q, QuerySet, Sum
from django.db.models.functions import TruncDay

from metering.coarse_models import METERS, Sums


class OpenEngineHour(models.Model):
    """An hour whose rollups moved since its engines' sums were made. As `OpenHour`: the
    roll-up writes it, and who makes the sums takes it away.
    """

    hour_at = models.DateTimeField(primary_key=True)
    """The begin of the UTC hour."""
    generation = models.BigIntegerField(default=1)
    """Rises, so that the write conflicts with a fold in progress and waits for it."""

    class Meta:
        db_table = "open_engine_hour"


class EngineUsageHourQuerySet(QuerySet["EngineUsageHour"]):
    def summed_by_day(self) -> QuerySet["EngineUsageHour", dict[str, Any]]:
        """One dict per UTC day (`day_at`), engine, model and price version, with
        `sum_…` of each meter.
        """
        rows: Any = self.annotate(day_at=TruncDay("hour_at", tzinfo=UTC)).order_by()
        sums = {f"sum_{meter}": Sum(meter) for meter in METERS}
        summed: QuerySet[EngineUsageHour, dict[str, Any]] = rows.values(
            "day_at", "engine_id", "model", "price_version_id"
        ).annotate(**sums)
        return summed


class EngineUsageHour(Sums):
    """The metered events of one hour, engine, model and price version, folded."""

    hour_at = models.DateTimeField()
    """The begin of the UTC hour."""
    engine_id = models.BigIntegerField()
    model = models.TextField()
    """Public name of the served model."""
    price_version_id = models.BigIntegerField()

    objects = EngineUsageHourQuerySet.as_manager()

    class Meta:
        db_table = "engine_usage_hour"
        constraints = [
            models.UniqueConstraint(
                fields=["hour_at", "engine_id", "model", "price_version_id"],
                name="engine_usage_hour_once",
            )
        ]


class EngineLoadHour(models.Model):
    """For how long an engine had calls running within an hour."""

    hour_at = models.DateTimeField()
    engine_id = models.BigIntegerField()
    busy_seconds = models.IntegerField()
    """By its readings, each of which stands for ten seconds."""

    class Meta:
        db_table = "engine_load_hour"
        constraints = [
            models.UniqueConstraint(
                fields=["hour_at", "engine_id"], name="engine_load_hour_once"
            ),
            models.CheckConstraint(
                condition=Q(busy_seconds__gte=0, busy_seconds__lte=3600),
                name="engine_load_hour_within_the_hour",
            ),
        ]
