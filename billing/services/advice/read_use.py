"""What a tenant used, from the sums per day or hour: fast however many calls there are.

Those sums change with the rollups that bills are made of, in one transaction.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, time
from typing import Any

from billing.domain.periods import Period
from billing.domain.rating import PricedUsage, Usage, find_pricings
from billing.services.rating.read_charges import read_prices
from metering.coarse_models import (
    METERS,
    UsageDay,
    UsageDayQuerySet,
    UsageHour,
    UsageHourQuerySet,
)

_BY = ("model", "price_version_id")


def read_use(tenant_id: int, span: Period) -> list[Usage]:
    """Of the hours that begin in the span; meters without a price too."""
    rows = _days(tenant_id, span) if _is_of_days(span) else _hours(tenant_id, span)
    return list(_usages(rows.summed(*_BY)))


def read_priced_use(tenant_id: int, span: Period) -> list[PricedUsage]:
    """For pages, which need not wait for as many rollups as an invoice is made of.
    Raises UnpricedUsageError.
    """
    usages = read_use(tenant_id, span)
    prices = read_prices(tenant_id, {usage.price_version_id for usage in usages})
    return find_pricings(usages, prices)


def read_use_by_day(tenant_id: int, span: Period) -> dict[datetime, list[Usage]]:
    """By the UTC midnight before; days without use are left out."""
    rows = _days(tenant_id, span) if _is_of_days(span) else _hours(tenant_id, span)
    days: dict[datetime, list[dict[str, Any]]] = defaultdict(list)
    for row in rows.summed("day_at", *_BY):
        days[row["day_at"]].append(row)
    return {day: list(_usages(days[day])) for day in sorted(days)}


def _is_of_days(span: Period) -> bool:
    times = (one.astimezone(UTC).time() for one in (span.start, span.end))
    return all(one == time.min for one in times)


def _days(tenant_id: int, span: Period) -> UsageDayQuerySet:
    return UsageDay.objects.of_tenant(tenant_id).between(span.start, span.end)


def _hours(tenant_id: int, span: Period) -> UsageHourQuerySet:
    return UsageHour.objects.of_tenant(tenant_id).between(span.start, span.end)


def _usages(rows: Iterable[dict[str, Any]]) -> Iterator[Usage]:
    for row in rows:
        for meter in METERS:
            if quantity := int(row[f"sum_{meter}"]):
                yield Usage(
                    model=row["model"],
                    meter=meter,
                    price_version_id=row["price_version_id"],
                    quantity=quantity,
                )
