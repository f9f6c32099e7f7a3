"""Where the usage page's sums come from: the coarsest rollup that can say them.

Without keys, hours of `UsageHour`; of keys, their days, or for hours the rollups of the
few keys that are shown. Members may have thousands of keys: of them, the days of these,
or for a short span all rollups. Minutes are in no rollup: these are counted from the
calls, and no more than EVENTS_MAX of them.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from django.db.models import Sum
from django.db.models.functions import TruncMinute

from frontend.usage.makers import MADE_BY, Makers, are_of, with_makers
from frontend.usage.ranges import DAY, MINUTE, Range
from metering.coarse_models import METERS, UsageDay, UsageHour
from metering.domain.usage import Meter, quantities
from metering.models import (
    UsageEvent,
    UsageEventQuerySet,
    UsageRollup,
    UsageRollupQuerySet,
)

EVENTS_MAX = 50_000
HOURS_OF_MEMBERS_MAX = 2 * DAY
"""What is longer is shown by days: each hour may have thousands of keys."""
TOKENS = (
    Meter.NEW_INPUT_TOKENS.value,
    Meter.CACHED_INPUT_TOKENS.value,
    Meter.LEASED_INPUT_TOKENS.value,
    Meter.OUTPUT_TOKENS.value,
)
_RANKED_BY = {
    "tokens": TOKENS,
    "requests": (Meter.REQUESTS.value,),
    "cost": (Meter.CHARGED_NANOS.value,),
}
Sums = dict[int, Counter[str]]
"""Meters by price version: what a cost can be worked out from."""
Cells = dict[datetime, Sums]
"""By the begin of the bucket."""
_VERSION = "price_version_id"
_KEY = "api_key_id"
_ENDPOINT = "endpoint"


@dataclass(frozen=True, kw_only=True)
class Source:
    """One tenant's use in a span, narrowed by filters."""

    tenant_id: int
    span: Range
    filters: dict[str, Any]
    """Columns that all rollups have, and conditions on `api_key_id`."""
    project_of_key: dict[int, int]
    """Of the keys that are asked for, by id: the index wants it."""
    makers: Makers

    def cells(self, column: str | None = None, wanted: Any = ()) -> dict[Any, Cells]:
        """By the value of `column`, those of `wanted` alone; without a column, all
        under None.
        """
        found: dict[Any, Cells] = defaultdict(lambda: defaultdict(dict))
        for row in self._rows(column, list(wanted)):
            value = self._value(row, column)
            sums = found[value][row[self.span.dimension]]
            sums.setdefault(row[_VERSION], Counter()).update(_meters(row))
        return found

    def _value(self, row: dict[str, Any], column: str | None) -> Any:
        if column == MADE_BY:
            return self.makers.of(row[MADE_BY]).value
        return row[column] if column else None

    def largest(self, column: str, *, show: str, limit: int) -> list[Any]:
        """The values of `column` with the most, at most `limit`. Of keys by hour, and
        of members, those with the most on the days that the span touches.
        """
        if column == MADE_BY:
            return self._largest_makers(show=show, limit=limit)
        if self.span.bucket == MINUTE:
            return self._largest_of_events(column, show=show, limit=limit)
        has_days = self._is_of_days(column) or self._needs_keys(column)
        rows = self._days() if has_days else self._hours()
        ranked = rows.order_by().values(column).annotate(size=_size(show))
        ordered = ranked.order_by("-size", column)[:limit]
        return [row[column] for row in ordered]

    def _largest_makers(self, *, show: str, limit: int) -> list[Any]:
        """Where all fit, nothing is ranked."""
        listed = [one.value for one in self.makers.listed]
        if len(listed) <= limit:
            return listed
        rows = with_makers(self._days()).order_by().values_list(MADE_BY)
        found: Counter[str] = Counter()
        for user_id, size in rows.annotate(size=_size(show)):
            found[self.makers.of(user_id).value] += int(size)
        return [value for value, _ in found.most_common(limit)]

    def _needs_keys(self, column: str | None) -> bool:
        return column in (_KEY, MADE_BY) or any(
            name.startswith(_KEY) for name in self.filters
        )

    def _is_of_days(self, column: str | None) -> bool:
        """A month has fewer rows of days than of hours; they know no endpoints."""
        return self.span.bucket == DAY and column != _ENDPOINT

    def _rows(self, column: str | None, wanted: list[Any]) -> Iterable[dict[str, Any]]:
        dimensions = [self.span.dimension, _VERSION, *([column] if column else [])]
        if self.span.bucket == MINUTE:
            rows = self._events()
        elif self._is_of_days(column):
            rows = self._days()
        elif not self._needs_keys(column):
            rows = self._hours()
        else:
            rollups = self._of(column, wanted, self._rollups(column, wanted))
            totals: Iterable[dict[str, Any]] = rollups.totals(*dimensions)
            return totals
        sums: Iterable[dict[str, Any]] = self._of(column, wanted, rows).summed(
            *dimensions
        )
        return sums

    def _of(self, column: str | None, wanted: list[Any], rows: Any) -> Any:
        if column != MADE_BY:
            return rows.filter(**{f"{column}__in": wanted}) if column else rows
        makers = [one for one in self.makers.listed if one.value in wanted]
        return with_makers(rows).filter(are_of(makers))

    def _hours(self) -> Any:
        rows = UsageHour.objects.of_tenant(self.tenant_id).filter(**self.filters)
        return rows.between(self.span.start, self.span.end)

    def _days(self) -> Any:
        first = self.span.start.replace(hour=0, minute=0)
        rows = UsageDay.objects.of_tenant(self.tenant_id).filter(**self.filters)
        return rows.between(first, self.span.end)

    def _rollups(self, column: str | None, wanted: list[Any]) -> UsageRollupQuerySet:
        """Hours, projects and keys are named one by one, in the order of the index:
        it is searched for these alone. Those of members are too many to be named.
        """
        rows = UsageRollup.objects.of_tenant(self.tenant_id).filter(**self.filters)
        keys = [self.filters[_KEY]] if _KEY in self.filters else []
        if column == _KEY:
            keys = wanted
        if not keys:
            return rows.between(self.span.start, self.span.end)
        return rows.filter(
            hour_at__in=self.span.buckets,
            project_id__in={self.project_of_key[key] for key in keys},
            api_key_id__in=keys,
        )

    def _events(self) -> Any:
        events = UsageEvent.objects.of_tenant(self.tenant_id).metered()
        start = self.counted_from or self.span.start
        rows = events.between(start, self.span.end).filter(**self.filters)
        return rows.annotate(minute_at=TruncMinute("happened_at", tzinfo=UTC))

    @cached_property
    def counted_from(self) -> datetime | None:
        """Of minutes: the first whole one whose calls are all counted, since there are
        more than EVENTS_MAX. None: all are.
        """
        if self.span.bucket != MINUTE:
            return None
        events: UsageEventQuerySet = UsageEvent.objects.of_tenant(self.tenant_id)
        times = events.between(self.span.start, self.span.end).order_by("-happened_at")
        beyond = times.values_list("happened_at", flat=True)[
            EVENTS_MAX : EVENTS_MAX + 1
        ]
        last = next(iter(beyond), None)
        if last is None:
            return None
        return last.replace(second=0, microsecond=0) + timedelta(minutes=1)

    def _largest_of_events(self, column: str, *, show: str, limit: int) -> list[Any]:
        rows = self._events().summed(column)
        size = {
            row[column]: sum(_meters(row)[meter] for meter in _RANKED_BY[show])
            for row in rows
        }
        return sorted(size, key=lambda value: (-size[value], str(value)))[:limit]


def _size(show: str) -> Any:
    first, *more = (Sum(meter) for meter in _RANKED_BY[show])
    return sum(more, first)


def _meters(row: dict[str, Any]) -> Counter[str]:
    """Whichever way a table says them."""
    if "meter" in row:
        return Counter({row["meter"]: int(row["quantity"])})
    if "request_count" not in row:
        return Counter({meter: int(row[f"sum_{meter}"]) for meter in METERS})
    return Counter(
        quantities(
            requests=row["request_count"],
            input_tokens=row["input_sum"],
            cached_input_tokens=row["cached_input_sum"],
            output_tokens=row["output_sum"],
            images=row["image_sum"],
            leased_input_tokens=row["leased_input_sum"],
            charged_nanos=int(row["charged_sum"]),
        )
    )
