"""`/api/v1/exports`: files of a span of time; `/api/v1/usage_events`: pages of one."""

import enum
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from django.db.models import Q
from django.http.response import HttpResponseBase
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api.v1.document import documented
from billing.api.v1.files import file_answer
from billing.api.v1.pages import Page, PageQuery, read_cursor, write_cursor
from billing.api.v1.refusals import RefusedError
from billing.api.v1.texts import Time
from billing.api.v1.times import checked_time
from billing.api.v1.usage import SPAN_MAX, Granularity
from billing.api.v1.view import ApiView
from billing.encoding import MEDIA_TYPES, FileFormat, Table, write_table
from billing.services.exports.export_costs import DAY, HOUR, export_costs
from billing.services.exports.export_invoices import export_invoices
from billing.services.exports.export_usage import export_usage, usage_rows
from metering.models import UsageEvent
from tenants.models import Tenant


class Export(enum.StrEnum):
    USAGE_EVENTS = "usage_events"
    INVOICE_LINES = "invoice_lines"
    COSTS = "costs"
    """In the columns of FOCUS 1.2."""


class ExportQuery(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    start: Time
    end: Time
    format: FileFormat = FileFormat.CSV
    granularity: Granularity = Granularity.DAY
    """Of costs."""


class UsageEventQuery(PageQuery, kw_only=True, forbid_unknown_fields=True):
    start: Time
    end: Time


class UsageEventDocument(msgspec.Struct, frozen=True, kw_only=True):
    request_id: str
    received_at: datetime
    happened_at: datetime
    project_id: int
    api_key_id: int
    model: str
    endpoint: str
    outcome: str
    usage_source: str
    price_version_id: int
    new_input_tokens: int
    cached_input_tokens: int
    leased_input_tokens: int
    output_tokens: int
    reasoning_tokens: int
    images: int
    cost_nanos: int
    """What the money limits were charged."""
    is_warming: bool


def _usage(tenant: Tenant, query: ExportQuery) -> Table:
    return export_usage(tenant.pk, start=query.start, end=query.end)


def _invoices(tenant: Tenant, query: ExportQuery) -> Table:
    return export_invoices(tenant.pk, start=query.start, end=query.end)


def _costs(tenant: Tenant, query: ExportQuery) -> Table:
    step = HOUR if query.granularity is Granularity.HOUR else DAY
    return export_costs(tenant, start=query.start, end=query.end, step=step)


_TABLES: dict[Export, Callable[[Tenant, ExportQuery], Table]] = {
    Export.USAGE_EVENTS: _usage,
    Export.INVOICE_LINES: _invoices,
    Export.COSTS: _costs,
}


class ExportFile(ApiView):
    """Streamed: it is as long as the span has rows."""

    @documented(
        name="export_file",
        summary="A file of the usage events, of the lines of issued invoices, or of the"
        " costs in the columns of FOCUS 1.2, as CSV, JSON lines or Parquet",
        tag="exports",
        query=ExportQuery,
        answer=None,
        files=tuple(MEDIA_TYPES.values()),
        parameters=[
            OpenApiParameter(
                "export",
                {"type": "string", "enum": [str(one) for one in Export]},
                OpenApiParameter.PATH,
            )
        ],
    )
    def get(self, request: Request, export: Export) -> HttpResponseBase:
        del request
        query = self.read_query(ExportQuery)
        _check_span(query.start, query.end)
        table = _TABLES[export](self.tenant, query)
        content = write_table(table, query.format)
        return file_answer(content, query.format, name=f"tokenfab-{export}")


class UsageEvents(ApiView):
    @documented(
        name="list_usage_events",
        summary="List usage events in the order in which they happened",
        tag="usage",
        query=UsageEventQuery,
        answer=Page[UsageEventDocument],
    )
    def get(self, request: Request) -> Response:
        del request
        query = self.read_query(UsageEventQuery)
        _check_span(query.start, query.end)
        events = UsageEvent.objects.of_tenant(self.tenant.pk)
        events = events.between(query.start, query.end).filter(_after(query.cursor))
        ordered = events.order_by("happened_at", "event_id")
        found = list(ordered[: query.limit + 1])
        shown, has_more = found[: query.limit], len(found) > query.limit
        place = (shown[-1].happened_at, shown[-1].event_id) if has_more else ()
        return Response(
            Page(
                data=list(_documents(iter(shown))),
                has_more=has_more,
                next_cursor=write_cursor(*place) if has_more else None,
            )
        )


def _documents(events: Iterator[UsageEvent]) -> Iterator[UsageEventDocument]:
    names = UsageEventDocument.__struct_fields__
    for row in usage_rows(events):
        fields = dict(zip(names, row, strict=True))
        yield msgspec.convert(fields, UsageEventDocument)


def _after(cursor: str | None) -> Q:
    """Raises RefusedError."""
    if cursor is None:
        return Q()
    told, event_id = read_cursor(cursor, tuple[Time, UUID])
    at = checked_time("cursor", told)
    return Q(happened_at__gt=at) | Q(happened_at=at, event_id__gt=event_id)


def _check_span(start: datetime, end: datetime) -> None:
    """Raises RefusedError."""
    if not timedelta(0) < end - start <= SPAN_MAX:
        raise RefusedError(
            f"The end is after the start, by {SPAN_MAX.days} days at most.",
            code="invalid_value",
            param="end",
        )
