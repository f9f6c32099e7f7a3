"""What the plant does now, as a page and as files. Staff only."""

from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import product

from django.http import HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils import timezone
from django.views.decorators.http import require_safe

from frontend.access import operator_page
from frontend.csv_file import csv_lines
from frontend.live import live_stream, wants_stream
from frontend.operator.kv_bars import OWNERS, TIERS
from frontend.operator.plant import MINUTES, TITLES, EngineRow, Plant, find_plant
from frontend.parts import wants_part

_EVERY_SECONDS = 2
_LIVE = "frontend/operator/now_live.html"
_SPEEDS_HEAD = (
    "at_utc",
    "computed_input_per_second",
    "cached_input_per_second",
    "output_per_second",
    "running",
    "waiting",
)
_KV_PARTS = list(product(TIERS, OWNERS))
_ENGINES_HEAD = (
    "engine",
    "model",
    "is_answering",
    "running",
    "waiting",
    "input_per_second",
    "output_per_second",
    "kv_unit",
    *(f"kv_{tier}_{owner}" for tier, owner in _KV_PARTS),
)


@require_safe
@operator_page
def now(request: HttpRequest) -> HttpResponseBase:
    if wants_stream(request):
        return live_stream(
            lambda: render_to_string(_LIVE, _context(), request),
            every_seconds=_EVERY_SECONDS,
        )
    page = _LIVE if wants_part(request) else "frontend/operator/now.html"
    return render(request, page, _context())


def _context() -> dict[str, object]:
    return {
        "plant": find_plant(now=timezone.now()),
        "minutes": MINUTES,
        "titles": TITLES,
        "owners": OWNERS,
    }


@require_safe
@operator_page
def speeds_csv(_request: HttpRequest) -> StreamingHttpResponse:
    """The chart: one line for each of its steps."""
    return _file("speeds", _SPEEDS_HEAD, _speeds(find_plant(now=timezone.now())))


@require_safe
@operator_page
def engines_csv(_request: HttpRequest) -> StreamingHttpResponse:
    found = find_plant(now=timezone.now())
    return _file("engines", _ENGINES_HEAD, (_engine(row) for row in found.rows))


def _file(
    name: str, head: tuple[str, ...], rows: Iterable[tuple[object, ...]]
) -> StreamingHttpResponse:
    response = StreamingHttpResponse(
        csv_lines(head, rows), content_type="text/csv; charset=utf-8"
    )
    at = f"{timezone.now().astimezone(UTC):%Y-%m-%dT%H-%M-%S}"
    response["Content-Disposition"] = f'attachment; filename="tokenfab-{name}-{at}.csv"'
    return response


def _speeds(plant: Plant) -> Iterable[tuple[object, ...]]:
    rates = plant.rates
    steps = (datetime.fromtimestamp(at, UTC) for at in plant.chart["at"])
    return zip(
        (f"{step:%Y-%m-%dT%H:%M:%SZ}" for step in steps),
        rates.computed_input,
        rates.cached_input,
        rates.output,
        rates.running,
        rates.waiting,
        strict=True,
    )


def _engine(row: EngineRow) -> tuple[object, ...]:
    """What the engine does not say stays empty."""
    gauges = row.look.gauges if row.look else None
    parts = {
        (bar.tier, part.owner): part.amount for bar in row.bars for part in bar.parts
    }
    units = {"bytes" if bar.is_bytes else "blocks" for bar in row.bars}
    return (
        row.engine.name,
        row.engine.served_model.name,
        "yes" if row.is_answering else "no",
        gauges.running if gauges else "",
        gauges.waiting if gauges else "",
        row.input_per_second,
        row.output_per_second,
        "".join(units),
        *(parts.get(place, "") for place in _KV_PARTS),
    )
