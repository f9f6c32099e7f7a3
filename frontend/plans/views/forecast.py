"""What the running month's invoice is likely to come to."""

from datetime import UTC, datetime

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from frontend.access import Access, tenant_page
from frontend.csv_file import csv_lines
from frontend.plans.forecast_page import read_forecast

_HEAD = ("until_utc", "is_forecast", "nanos", "low_nanos", "high_nanos", "calls_nanos")


@require_safe
@never_cache
@tenant_page
def forecast(request: HttpRequest, access: Access) -> HttpResponse:
    page = read_forecast(access.tenant, now=datetime.now(UTC))
    return render(request, "frontend/plans/forecast.html", {"page": page})


@require_safe
@tenant_page
def forecast_csv(request: HttpRequest, access: Access) -> StreamingHttpResponse:  # noqa: ARG001  of every view
    """A line for each day, as the page's table."""
    page = read_forecast(access.tenant, now=datetime.now(UTC))
    rows = [
        (
            f"{one.at:%Y-%m-%dT%H:%M:%SZ}",
            int(is_ahead),
            one.point_nanos,
            one.low_nanos,
            one.high_nanos,
            one.calls_nanos,
        )
        for one, is_ahead in (page.rows if page else [])
    ]
    response = StreamingHttpResponse(
        csv_lines(_HEAD, rows), content_type="text/csv; charset=utf-8"
    )
    response["Content-Disposition"] = 'attachment; filename="tokenfab-forecast.csv"'
    return response
