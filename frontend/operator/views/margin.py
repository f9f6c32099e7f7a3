"""What engines and models earn and cost; what an engine costs. Staff only."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_safe

from frontend.access import check_may_set, operator_page
from frontend.confirm_form import render_form
from frontend.csv_file import csv_lines
from frontend.currency import write_amounts_in
from frontend.formatting import day_of_year, month
from frontend.operator.margin import GROUPINGS, Line, Margin, read_margin
from inference.cost_models import EngineCost
from inference.models import Engine
from inference.services.set_engine_cost import (
    GPUS_MAX,
    NANOS_PER_GPU_HOUR_MAX,
    set_engine_cost,
)
from tenants.domain.currency import CURRENCIES
from tenants.money_field import MoneyField

MONTHS = 12
_TITLES = {
    "model": gettext_lazy("By model"),
    "engine": gettext_lazy("By engine"),
    "day": gettext_lazy("By day"),
}
_CSV_HEAD = (
    *("of", "requests", "input_tokens", "output_tokens", "currency"),
    *("revenue_nanos", "cost_nanos", "margin_nanos", "gpu_seconds"),
    *("rented_seconds", "busy_seconds"),
)


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """What is looked at; anything unknown is the default."""

    start: datetime
    end: datetime
    grouping: str
    currency: str
    months: list[datetime]

    @classmethod
    def of(cls, query: Mapping[str, str], *, now: datetime) -> "Chosen":
        months = _months(now)
        named = {f"{month:%Y-%m}": month for month in months}
        start = named.get(query.get("month", ""), months[0])
        by, currency = query.get("by", ""), query.get("currency", "")
        return cls(
            start=start,
            end=_next(start),
            grouping=by if by in GROUPINGS else GROUPINGS[0],
            currency=currency if currency in CURRENCIES else settings.DEFAULT_CURRENCY,
            months=months,
        )

    @property
    def query(self) -> str:
        return urlencode(
            {
                "month": f"{self.start:%Y-%m}",
                "by": self.grouping,
                "currency": self.currency,
            }
        )

    def read(self, *, now: datetime) -> Margin:
        return read_margin(
            start=self.start,
            end=self.end,
            now=now,
            grouping=self.grouping,
            currency=self.currency,
        )


class CostForm(forms.Form):
    gpus = forms.IntegerField(
        label=gettext_lazy("GPUs"),
        min_value=0,
        max_value=GPUS_MAX,
        help_text=gettext_lazy("0: the engine is given back, and costs nothing."),
    )
    nanos_per_gpu_hour = MoneyField(
        label=gettext_lazy("One GPU costs an hour"),
        min_value=0,
        max_value=NANOS_PER_GPU_HOUR_MAX // 10**9,
        widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"}),
    )
    currency = forms.ChoiceField(
        label=gettext_lazy("Currency"), choices=[(code, code) for code in CURRENCIES]
    )
    starts_at = forms.DateTimeField(
        label=gettext_lazy("From (UTC)"),
        required=False,
        help_text=gettext_lazy("Such as 2027-01-01 00:00. Empty: from now on."),
        widget=forms.DateTimeInput(attrs={"autocomplete": "off"}),
    )


@require_safe
@operator_page
def margin(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    chosen = Chosen.of(request.GET, now=now)
    write_amounts_in(chosen.currency)
    found = chosen.read(now=now)
    context = {
        "chosen": chosen,
        "months": [
            (f"{one:%Y-%m}", month(one), one == chosen.start) for one in chosen.months
        ],
        "margin": found,
        "groupings": _TITLES,
        "chart": _chart(found.days),
        "has_any": bool(found.lines),
    }
    return render(request, "frontend/operator/margin.html", context)


@require_safe
@operator_page
def margin_csv(request: HttpRequest) -> StreamingHttpResponse:
    now = timezone.now()
    chosen = Chosen.of(request.GET, now=now)
    lines = csv_lines(_CSV_HEAD, _csv_rows(chosen.read(now=now), chosen.currency))
    response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
    name = f"tokenfab-margin-{chosen.start:%Y-%m}-by-{chosen.grouping}.csv"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@require_http_methods(["GET", "POST"])
@operator_page
def engine_cost(request: HttpRequest, engine_id: int) -> HttpResponse:
    engine = get_object_or_404(Engine, pk=engine_id)
    rows = EngineCost.objects.filter(engine=engine).order_by("-starts_at", "-pk")
    last = rows.first()
    first = {"gpus": 1, "currency": settings.DEFAULT_CURRENCY}
    if last:
        first = {"gpus": last.gpus, "currency": last.currency}
    form = CostForm(request.POST if request.method == "POST" else None, initial=first)
    if request.method == "POST":
        check_may_set(request)
        if form.is_valid():
            now = timezone.now()
            values = {**form.cleaned_data}
            starts_at = values.pop("starts_at")
            starts_at = starts_at.astimezone(UTC) if starts_at else now
            set_engine_cost(engine, starts_at=starts_at, now=now, **values)
            messages.success(request, _("Set. The margin is worked out by it."))
            return redirect("frontend:operator_engine_cost", engine.pk)
    context = {"engine": engine, "costs": rows, "form": form}
    return render_form(request, "frontend/operator/engine_cost.html", context)


def _months(now: datetime) -> list[datetime]:
    """The present one first."""
    month = now.astimezone(UTC).replace(
        day=1, hour=0, minute=0, second=0, microsecond=0
    )
    months = [month]
    while len(months) < MONTHS:
        months.append((months[-1] - timedelta(days=1)).replace(day=1))
    return months


def _next(month: datetime) -> datetime:
    return (month + timedelta(days=32)).replace(day=1)


def _chart(days: list[Line]) -> dict[str, Any]:
    return {
        "at": [int(day.value.timestamp()) for day in days],
        "labels": [day_of_year(day.value) for day in days],
        "unit": "nanos",
        "series": [
            {"title": _("Revenue"), "values": [day.revenue_nanos or 0 for day in days]}
        ],
        "before": [day.cost.amount_nanos for day in days],
        "before_title": _("Cost"),
    }


def _csv_rows(found: Margin, currency: str) -> Iterator[tuple[object, ...]]:
    for line in found.lines:
        yield (
            line.title,
            line.requests,
            line.input_tokens,
            line.output_tokens,
            currency,
            line.revenue_nanos,
            line.cost.amount_nanos,
            line.margin_nanos,
            line.cost.gpu_seconds,
            line.cost.rented_seconds,
            line.busy_seconds,
        )
