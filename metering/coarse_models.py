"""Rollups folded once more, for pages: what a tenant with thousands of keys looks at
must not be summed up from a row for each key, hour and meter.
"""

from datetime import UTC, datetime
from typing import Any, Self

from django.db import models
from django.db.models import QuerySet, Sum
from django.db.models.functions import TruncDay

from metering.domain.usage import Meter

METERS = tuple(meter.value for meter in Meter)
"""Each is a column here."""


class Sums(models.Model):
    """One column for each meter, in its unit."""

    new_input_tokens = models.BigIntegerField(default=0)
    cached_input_tokens = models.BigIntegerField(default=0)
    leased_input_tokens = models.BigIntegerField(default=0)
    output_tokens = models.BigIntegerField(default=0)
    images = models.BigIntegerField(default=0)
    hbm_mb_s = models.BigIntegerField(default=0)
    host_mb_s = models.BigIntegerField(default=0)
    disk_mb_s = models.BigIntegerField(default=0)
    requests = models.BigIntegerField(default=0)
    charged_nanos = models.BigIntegerField(default=0)

    class Meta:
        abstract = True


class UsageHourQuerySet(QuerySet["UsageHour"]):
    def of_tenant(self, tenant_id: int) -> Self:
        return self.filter(tenant_id=tenant_id)

    def between(self, start: datetime, end: datetime) -> Self:
        """Those of hours that begin in [start, end)."""
        return self.filter(hour_at__gte=start, hour_at__lt=end)

    def summed(self, *dimensions: str) -> QuerySet["UsageHour", dict[str, Any]]:
        """One dict per combination of `dimensions`, with `sum_…` of each meter.

        Dimensions are columns, or `day_at`: the UTC midnight before.
        """
        rows = self.annotate(day_at=TruncDay("hour_at", tzinfo=UTC))
        sums: QuerySet[UsageHour, dict[str, Any]] = _summed(rows, dimensions)
        return sums


class UsageHour(Sums):
    """A tenant's hour, its keys together and its endpoints apart; replaced with the
    rollups of the hour.
    """

    tenant_id = models.BigIntegerField()
    hour_at = models.DateTimeField()
    """The begin of the UTC hour."""
    project_id = models.BigIntegerField()
    model = models.TextField()
    """Public name of the served model."""
    price_version_id = models.BigIntegerField()
    endpoint = models.TextField()
    """Name of the route; empty: the time of leases, which no call's endpoint has."""

    objects = UsageHourQuerySet.as_manager()

    class Meta:
        db_table = "usage_hour"
        constraints = [
            models.UniqueConstraint(
                fields=[
                    "tenant_id",
                    "hour_at",
                    "project_id",
                    "model",
                    "price_version_id",
                    "endpoint",
                ],
                name="usage_hour_once",
            )
        ]


class UsageDayQuerySet(QuerySet["UsageDay"]):
    def of_tenant(self, tenant_id: int) -> Self:
        return self.filter(tenant_id=tenant_id)

    def between(self, start: datetime, end: datetime) -> Self:
        """Those of days that begin in [start, end)."""
        return self.filter(day_at__gte=start, day_at__lt=end)

    def summed(self, *dimensions: str) -> QuerySet["UsageDay", dict[str, Any]]:
        """One dict per combination of `dimensions`, with `sum_…` of each meter."""
        sums: QuerySet[UsageDay, dict[str, Any]] = _summed(self.all(), dimensions)
        return sums

    def totals(self, dimension: str, *more: str) -> list[dict[str, Any]]:
        """As those of the rollups are: a dict per combination and `meter`, with the
        summed `quantity`.
        """
        dimensions = (dimension, *more)
        return [
            {
                **{name: row[name] for name in dimensions},
                "meter": Meter(meter),
                "quantity": quantity,
            }
            for row in self.summed(*dimensions)
            for meter in METERS
            if (quantity := int(row[f"sum_{meter}"] or 0))
        ]


class UsageDay(Sums):
    """A key's UTC day; moves by what its hours' rollups change by."""

    tenant_id = models.BigIntegerField()
    day_at = models.DateTimeField()
    """The UTC midnight at which it begins."""
    project_id = models.BigIntegerField()
    api_key_id = models.BigIntegerField()
    model = models.TextField()
    """Public name of the served model."""
    price_version_id = models.BigIntegerField()

    objects = UsageDayQuerySet.as_manager()

    class Meta:
        db_table = "usage_day"
        constraints = [
            models.UniqueConstraint(
                fields=[
                    "tenant_id",
                    "day_at",
                    "project_id",
                    "api_key_id",
                    "model",
                    "price_version_id",
                ],
                name="usage_day_once",
            )
        ]
        indexes = [
            # The days of one key, whatever other keys there are.
            models.Index(
                fields=["tenant_id", "api_key_id", "day_at"], name="usage_day_of_key"
            )
        ]


def _summed(rows: Any, dimensions: tuple[str, ...]) -> Any:
    """The sum of the meter `requests` is called `sum_requests`: a bare name would be
    taken for the column's.
    """
    sums = {f"sum_{meter}": Sum(meter) for meter in METERS}
    return rows.order_by().values(*dimensions).annotate(**sums)
