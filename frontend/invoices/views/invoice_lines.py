"""From a line of an invoice to its days, their hours, and the calls of an hour."""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from billing.domain.charges import ChargeKind
from billing.domain.invoice import InvoiceStatus
from billing.models.invoices import LineItem
from billing.services.receipts.dispute_line import dispute_line
from billing.services.receipts.read_line_hours import LineHour, read_line_hours
from billing.services.receipts.read_line_requests import LineRequest, read_line_requests
from billing.services.receipts.rederive_line import rederive_line
from frontend.access import Access, tenant_page
from frontend.cursors import read_place, write_place
from frontend.usage.meters import line_title
from tenants.models import ApiKey

PAGE = 50
"""Calls on a page."""
NOTE_MAX = 2000
"""Characters."""


def _line_of(access: Access, invoice_id: int, line_id: int) -> LineItem:
    """Only usage has days; another line answers like one that is not there."""
    lines = LineItem.objects.filter(
        tenant=access.tenant, invoice_id=invoice_id, kind=ChargeKind.USAGE
    ).select_related("invoice", "price_version__served_model")
    return get_object_or_404(lines, pk=line_id)


def _context(line: LineItem) -> dict[str, Any]:
    return {
        "line": line,
        "invoice": line.invoice,
        "title": line_title(
            kind=line.kind,
            description=line.description,
            model=line.model,
            meter=line.meter,
        ),
        "is_draft": line.invoice.status == InvoiceStatus.DRAFT,
        "is_lease": line.meter.endswith("_mb_s"),
    }


@require_safe
@tenant_page
def invoice_line(
    request: HttpRequest, access: Access, invoice_id: int, line_id: int
) -> HttpResponse:
    line = _line_of(access, invoice_id, line_id)
    days: Counter[date] = Counter()
    for hour in read_line_hours(line):
        days[hour.hour_at.astimezone(UTC).date()] += hour.quantity
    context = {
        **_context(line),
        "days": sorted(days.items()),
        "disputes": line.disputes.order_by("-opened_at"),
    }
    return render(request, "frontend/invoices/invoice_line.html", context)


@require_safe
@tenant_page
def line_day(
    request: HttpRequest, access: Access, invoice_id: int, line_id: int, day: str
) -> HttpResponse:
    line = _line_of(access, invoice_id, line_id)
    start = _time(day, "%Y-%m-%d")
    hours = _within(read_line_hours(line), start)
    context = {**_context(line), "day": start, "hours": hours}
    return render(request, "frontend/invoices/line_day.html", context)


def _within(hours: Iterable[LineHour], start: datetime) -> list[LineHour]:
    end = start + timedelta(days=1)
    return [hour for hour in hours if start <= hour.hour_at < end]


@require_safe
@tenant_page
def line_hour(
    request: HttpRequest, access: Access, invoice_id: int, line_id: int, hour: str
) -> HttpResponse:
    line = _line_of(access, invoice_id, line_id)
    hour_at = _time(hour, "%Y-%m-%dT%H")
    after = read_place(request.GET.get("after", ""))
    found = read_line_requests(line, hour_at, limit=PAGE + 1, after=after)
    shown = found[:PAGE]
    context = {
        **_context(line),
        "hour_at": hour_at,
        "requests": _named(access, shown),
        "next_after": write_place(shown[-1].happened_at, shown[-1].event_id)
        if len(found) > PAGE
        else "",
        "is_first": after is None,
    }
    return render(request, "frontend/invoices/line_hour.html", context)


def _named(access: Access, shown: list[LineRequest]) -> list[tuple[LineRequest, str]]:
    """Each with its key's name; empty: the key is no more."""
    keys = ApiKey.objects.filter(
        tenant=access.tenant, pk__in={one.api_key_id for one in shown}
    )
    names = dict(keys.values_list("pk", "name"))
    return [(one, names.get(one.api_key_id, "")) for one in shown]


def _time(text: str, form: str) -> datetime:
    try:
        return datetime.strptime(text, form).replace(tzinfo=UTC)
    except ValueError:
        raise Http404 from None


@tenant_page
def check_line(
    request: HttpRequest, access: Access, invoice_id: int, line_id: int
) -> HttpResponse:
    """GET shows the arithmetic; POST opens a dispute, if it differs or with a note."""
    line = _line_of(access, invoice_id, line_id)
    if line.invoice.status == InvoiceStatus.DRAFT or not line.invoice.merkle_root:
        raise Http404
    if request.method == "POST":
        note = request.POST.get("note", "").strip()[:NOTE_MAX]
        done = dispute_line(line, by=access.user, note=note, now=timezone.now())
        derived, dispute = done.derived, done.dispute
    else:
        derived = rederive_line(line)
        dispute = line.disputes.filter(status="open").first()
    context = {**_context(line), "derived": derived, "dispute": dispute}
    return render(
        request,
        "frontend/invoices/check_line.html",
        {**context, "days": derived.days.items(), "note_max": NOTE_MAX},
    )
