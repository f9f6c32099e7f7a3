"""What was used, as figures, chart, table and CSV."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from billing.encoding import safe_text
from frontend.access import Access, tenant_page
from frontend.csv_file import csv_lines
from frontend.usage.explorer import GROUPINGS, SHOWN
from frontend.usage.makers import makers_of
from frontend.usage.ranges import TITLES
from frontend.usage.selection import explore_selection, offered, select, views_of
from metering.domain.usage import Meter
from metering.models import UsageRollup
from tenants.models import ApiKey

_TIME = "%Y-%m-%dT%H:%M:%SZ"
_CSV_HEAD = (
    "hour_start_utc",
    "model",
    "api_key_id",
    "api_key_name",
    "api_key_made_by",
    "requests",
    "new_input_tokens",
    "cached_input_tokens",
    "output_tokens",
    "images",
    "leased_input_tokens",
    "hbm_mb_s",
    "host_mb_s",
    "disk_mb_s",
)


@require_safe
@tenant_page
def usage(request: HttpRequest, access: Access) -> HttpResponse:
    chosen = select(request, access, now=datetime.now(UTC))
    choices = offered(access, chosen)
    found = explore_selection(access, chosen, choices)
    context: dict[str, Any] = {
        "chosen": chosen,
        "choices": choices,
        "views": views_of(access),
        "ranges": TITLES,
        "groupings": GROUPINGS,
        "shown": SHOWN,
        "explored": found,
        "figures": found.figures,
        "amount_nanos": found.amount_nanos,
        "have_steps": found.have_steps,
        "chart": found.chart,
    }
    return render(request, "frontend/usage/usage.html", context)


@require_safe
@tenant_page
def chart_csv(request: HttpRequest, access: Access) -> StreamingHttpResponse:
    """The page's table: one line for each bucket, the groups beside each other."""
    chosen = select(request, access, now=datetime.now(UTC))
    chart = explore_selection(access, chosen, offered(access, chosen)).chart
    unit = " (nanos)" if chosen.show == "cost" else ""
    head = ["start_utc", "requests", *(title + unit for title in chart.titles)]
    lines = (
        (f"{row['at']:{_TIME}}", row["requests"], *row["values"])
        for row in reversed(chart.table)
    )
    return _file(csv_lines(_safe(head), lines), f"{chosen.show}-{chosen.span.name}")


def _safe(head: list[str]) -> list[str]:
    """Titles are names that people gave, and no formulas."""
    return [safe_text(cell) for cell in head]


@require_safe
@tenant_page
def usage_csv(request: HttpRequest, access: Access) -> StreamingHttpResponse:
    """One line per hour, model and key."""
    chosen = select(request, access, now=datetime.now(UTC))
    names = _names_of_keys(access)
    rows = UsageRollup.objects.of_tenant(access.tenant.pk).filter(**chosen.filters)
    rows = rows.between(chosen.span.start, chosen.span.end)
    totals = rows.totals("hour_at", "model", "api_key_id")
    lines = csv_lines(_CSV_HEAD, _csv_rows(totals.iterator(), names))
    return _file(lines, f"usage-{chosen.span.name}")


def _names_of_keys(access: Access) -> dict[int, tuple[str, str]]:
    """By id, with who made them."""
    makers = makers_of(access.tenant)
    keys = ApiKey.objects.filter(tenant=access.tenant)
    return {
        pk: (name, makers.of(user_id).title)
        for pk, name, user_id in keys.values_list("pk", "name", "created_by")
    }


def _file(lines: Iterator[str], name: str) -> StreamingHttpResponse:
    response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
    day = timezone.now().date().isoformat()
    response["Content-Disposition"] = (
        f'attachment; filename="tokenfab-{name}-{day}.csv"'
    )
    return response


def _csv_rows(
    totals: Iterator[dict[str, Any]], names: dict[int, tuple[str, str]]
) -> Iterator[tuple[object, ...]]:
    """`totals` come ordered, so that equal dimensions follow each other."""
    current: tuple[Any, ...] | None = None
    quantities: dict[str, int] = {}
    for row in totals:
        dimensions = (row["hour_at"], row["model"], row["api_key_id"])
        if current is not None and dimensions != current:
            yield _csv_row(current, quantities, names)
            quantities = {}
        current = dimensions
        quantities[row["meter"]] = row["quantity"]
    if current is not None:
        yield _csv_row(current, quantities, names)


def _csv_row(
    dimensions: tuple[Any, ...],
    quantities: dict[str, int],
    names: dict[int, tuple[str, str]],
) -> tuple[object, ...]:
    hour_at, model, api_key_id = dimensions
    meters = (
        Meter.REQUESTS,
        Meter.NEW_INPUT_TOKENS,
        Meter.CACHED_INPUT_TOKENS,
        Meter.OUTPUT_TOKENS,
        Meter.IMAGES,
        Meter.LEASED_INPUT_TOKENS,
        Meter.HBM_MB_S,
        Meter.HOST_MB_S,
        Meter.DISK_MB_S,
    )
    return (
        hour_at.strftime(_TIME),
        model,
        api_key_id,
        *names.get(api_key_id, ("", "")),
        *(quantities.get(meter, 0) for meter in meters),
    )
