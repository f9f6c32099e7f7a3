"""`/api/v1/usage`: the rollups that invoices are made of, by hour or day."""

import enum
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from django.db.models import Q
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api.v1.document import documented
from billing.api.v1.pages import Page, PageQuery, read_cursor, write_cursor
from billing.api.v1.refusals import RefusedError
from billing.api.v1.texts import RowId, Text, Time
from billing.api.v1.view import ApiView
from metering.domain.usage import Meter
from metering.models import UsageRollup

SPAN_MAX = timedelta(days=366)


class Granularity(enum.StrEnum):
    HOUR = "hour"
    DAY = "day"
    """UTC."""


class Dimension(enum.StrEnum):
    MODEL = "model"
    PROJECT = "project_id"
    KEY = "api_key_id"
    PRICE = "price_version_id"


_BUCKETS = {Granularity.HOUR: "hour_at", Granularity.DAY: "day_at"}


class UsageQuery(PageQuery, kw_only=True, forbid_unknown_fields=True):
    start: Time
    end: Time
    granularity: Granularity = Granularity.DAY
    group_by: Text = ""
    model: Text | None = None
    meter: Meter | None = None
    project_id: RowId | None = None
    api_key_id: RowId | None = None


class UsageRow(msgspec.Struct, frozen=True, kw_only=True):
    start: datetime
    """The begin of the hour or day."""
    meter: str
    quantity: int
    """Tokens, images, requests or MB_s, as the meter says."""
    model: str | None = None
    """Null, as those below: not asked to be grouped by."""
    project_id: int | None = None
    api_key_id: int | None = None
    price_version_id: int | None = None


class Usage(ApiView):
    @documented(
        name="sum_usage",
        summary="Sum usage by hour or day; `group_by` takes `model`, `project_id`,"
        " `api_key_id` and `price_version_id`, separated by commas",
        tag="usage",
        query=UsageQuery,
        answer=Page[UsageRow],
    )
    def get(self, request: Request) -> Response:
        del request
        query = self.read_query(UsageQuery)
        _check_span(query)
        names = [_BUCKETS[query.granularity], *_dimensions(query.group_by)]
        rows = UsageRollup.objects.of_tenant(self.tenant.pk)
        rows = rows.between(query.start, query.end).filter(_filter(query))
        totals = rows.totals(*names)
        if query.cursor is not None:
            totals = totals.filter(_after([*names, "meter"], query.cursor))
        return Response(_page(list(totals[: query.limit + 1]), names, query.limit))


def _check_span(query: UsageQuery) -> None:
    """Raises RefusedError."""
    if not timedelta(0) < query.end - query.start <= SPAN_MAX:
        raise RefusedError(
            f"The end is after the start, by {SPAN_MAX.days} days at most.",
            code="invalid_value",
            param="end",
        )


def _dimensions(group_by: str) -> list[str]:
    """Raises RefusedError."""
    wanted = [name for name in group_by.split(",") if name]
    known = [dimension.value for dimension in Dimension]
    for name in wanted:
        if name not in known:
            raise RefusedError(
                f"Usage is grouped by {', '.join(known)}.",
                code="invalid_value",
                param="group_by",
            )
    return [name for name in known if name in wanted]


def _filter(query: UsageQuery) -> Q:
    given = {
        name: value
        for name in ("model", "meter", "project_id", "api_key_id")
        if (value := getattr(query, name)) is not None
    }
    return Q(**given)


def _after(names: list[str], cursor: str) -> Q:
    """Rows whose values of `names` come after those of the cursor. Raises
    RefusedError.
    """
    place = read_cursor(cursor, list[int | str])
    if len(place) != len(names) or not isinstance(place[0], str):
        raise RefusedError(
            "The cursor belongs to another question.",
            code="invalid_value",
            param="cursor",
        )
    values: list[Any] = [_instant(place[0]), *place[1:]]
    after = Q()
    for last, name in enumerate(names):
        same = {one: values[at] for at, one in enumerate(names[:last])}
        after |= Q(**same, **{f"{name}__gt": values[last]})
    return after


def _instant(text: str) -> datetime:
    """Raises RefusedError."""
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        raise RefusedError(
            "The cursor is none of ours.", code="invalid_value", param="cursor"
        ) from None


def _page(found: list[dict[str, Any]], names: list[str], limit: int) -> Page[UsageRow]:
    shown, has_more = found[:limit], len(found) > limit
    bucket, *dimensions = names
    rows = [
        UsageRow(
            start=row[bucket],
            meter=row["meter"],
            quantity=row["quantity"],
            **{name: row[name] for name in dimensions},
        )
        for row in shown
    ]
    place = [shown[-1][name] for name in (*names, "meter")] if has_more else []
    return Page(
        data=rows,
        has_more=has_more,
        next_cursor=write_cursor(*place) if has_more else None,
    )
