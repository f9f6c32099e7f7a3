"""What was used, as figures, chart, table and CSV."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from frontend import usage as folded
from frontend.access import Access, tenant_page
from frontend.calls import newest_calls
from frontend.csv_file import csv_lines
from frontend.prices import amount_of_totals, have_steps
from frontend.ranges import TITLES, Range, find_range
from metering.domain.usage import Meter
from metering.models import UsageRollup, UsageRollupQuerySet
from tenants.models import ApiKey

CALLS_SHOWN = 20
_CSV_HEAD = (
    "hour_start_utc",
    "model",
    "api_key_id",
    "api_key_name",
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


@dataclass(frozen=True, kw_only=True)
class Selection:
    """What the page's address asks for."""

    span: Range
    grouping: folded.Grouping
    api_key: ApiKey | None
    """None: all keys."""

    def rollups(self, access: Access) -> UsageRollupQuerySet:
        rows = UsageRollup.objects.of_tenant(access.tenant.pk)
        if self.api_key:
            rows = rows.filter(api_key_id=self.api_key.pk)
        return rows.between(self.span.start, self.span.end)


def _select(request: HttpRequest, keys: list[ApiKey]) -> Selection:
    """Another tenant's key is none of `keys`, hence 404."""
    wanted = request.GET.get("key", "")
    found = next((key for key in keys if str(key.pk) == wanted), None)
    if wanted and found is None:
        raise Http404
    return Selection(
        span=find_range(request.GET.get("range", ""), now=datetime.now(UTC)),
        grouping="model" if request.GET.get("by") == "model" else "kind",
        api_key=found,
    )


def _keys(access: Access) -> list[ApiKey]:
    return list(ApiKey.objects.filter(tenant=access.tenant).order_by("name", "pk"))


@require_safe
@tenant_page
def usage(request: HttpRequest, access: Access) -> HttpResponse:
    keys = _keys(access)
    chosen = _select(request, keys)
    dimensions = ["price_version_id", "model", chosen.span.dimension]
    totals = list(chosen.rollups(access).totals(*dimensions))
    context: dict[str, Any] = {
        "keys": keys,
        "chosen": chosen,
        "ranges": TITLES,
        "figures": folded.figures(totals),
        "amount_nanos": amount_of_totals(totals),
        "have_steps": have_steps(totals),
        "chart": folded.chart(totals, chosen.span, chosen.grouping),
        "calls": newest_calls(access.tenant, limit=CALLS_SHOWN, api_key=chosen.api_key),
    }
    return render(request, "frontend/usage.html", context)


@require_safe
@tenant_page
def usage_csv(request: HttpRequest, access: Access) -> StreamingHttpResponse:
    """One line per hour, model and key."""
    keys = _keys(access)
    chosen = _select(request, keys)
    names = {key.pk: key.name for key in keys}
    totals = chosen.rollups(access).totals("hour_at", "model", "api_key_id")
    response = StreamingHttpResponse(
        csv_lines(_CSV_HEAD, _csv_rows(totals.iterator(), names)),
        content_type="text/csv; charset=utf-8",
    )
    day = timezone.now().date().isoformat()
    name = f"tokenfab-usage-{chosen.span.name}-{day}.csv"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _csv_rows(
    totals: Iterator[dict[str, Any]], names: dict[int, str]
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
    dimensions: tuple[Any, ...], quantities: dict[str, int], names: dict[int, str]
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
        hour_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        model,
        api_key_id,
        names.get(api_key_id, ""),
        *(quantities.get(meter, 0) for meter in meters),
    )
