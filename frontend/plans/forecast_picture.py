"""The forecast as a drawing: what the month came to, the cone, and a budget's line.

Drawn by the server, so that it needs no script; the table beside it has the numbers.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from django.utils.translation import gettext as _

from billing.services.advice.forecast_month import Forecast, Moment
from frontend.formatting import short_amount

WIDTH, HEIGHT = 1000, 260
_BUDGET_SHOWN_UP_TO = 3
"""Times what is drawn: a budget far above would press all else to the ground."""

_APART = 50
"""Lines are told apart from a fiftieth of the height on."""


@dataclass(frozen=True, kw_only=True)
class Strip:
    """A day to point at."""

    x: int
    width: int
    text: str


@dataclass(frozen=True, kw_only=True)
class Picture:
    past: str
    """Points of a line, as SVG writes them."""
    future: str
    cone: str
    """Of an area."""
    calls: str
    """Of a line: what a budget counts; empty: there is none, or it is the same."""
    budget_y: int | None
    """None: there is none, or it is far above."""
    now_x: int
    strips: list[Strip]
    top_nanos: int

    width: int = WIDTH
    height: int = HEIGHT


def draw(forecast: Forecast, *, budget_nanos: int | None) -> Picture:
    scale = _Scale(forecast, budget_nanos)
    now = forecast.past[-1]
    ahead = [now, *forecast.future] if forecast.future else []
    cone = [
        *(scale.point(one.at, one.high_nanos) for one in ahead),
        *(scale.point(one.at, one.low_nanos) for one in reversed(ahead)),
    ]
    return Picture(
        past=_points(scale.point(one.at, one.point_nanos) for one in forecast.past),
        future=_points(scale.point(one.at, one.point_nanos) for one in ahead),
        cone=_points(cone),
        calls=_points(_calls(forecast, scale)) if budget_nanos is not None else "",
        budget_y=scale.y(budget_nanos)
        if budget_nanos is not None and budget_nanos <= scale.top
        else None,
        now_x=scale.x(now.at),
        strips=_strips(forecast, scale),
        top_nanos=scale.top,
    )


class _Scale:
    def __init__(self, forecast: Forecast, budget_nanos: int | None) -> None:
        self._start = forecast.month.start
        self._length = forecast.month.end - forecast.month.start
        moments = (*forecast.past, *forecast.future)
        top = max(1, *(one.high_nanos for one in moments))
        if budget_nanos is not None:
            top = max(top, *(one.calls_nanos for one in moments))
        if budget_nanos is not None and budget_nanos <= _BUDGET_SHOWN_UP_TO * top:
            top = max(top, budget_nanos)
        self.top = top + top // 20

    def x(self, at: datetime) -> int:
        return round((at - self._start) / self._length * WIDTH)

    def y(self, amount_nanos: int) -> int:
        return HEIGHT - amount_nanos * HEIGHT // self.top

    def point(self, at: datetime, amount_nanos: int) -> tuple[int, int]:
        return self.x(at), self.y(amount_nanos)


def _calls(forecast: Forecast, scale: _Scale) -> list[tuple[int, int]]:
    """Nothing where it lies on the line of the month."""
    moments = (*forecast.past, *forecast.future)
    apart = max(abs(one.calls_nanos - one.point_nanos) for one in moments)
    if apart * _APART < scale.top:
        return []
    return [scale.point(one.at, one.calls_nanos) for one in moments]


def _points(points: Iterable[tuple[int, int]]) -> str:
    return " ".join(f"{x},{y}" for x, y in points)


def _strips(forecast: Forecast, scale: _Scale) -> list[Strip]:
    moments: Sequence[Moment] = (*forecast.past, *forecast.future)
    return [
        Strip(
            x=scale.x(before.at),
            width=scale.x(one.at) - scale.x(before.at),
            text=_text(one),
        )
        for before, one in pairwise(moments)
    ]


def _text(one: Moment) -> str:
    day = f"{one.at:%d %b %H:%M} UTC: {short_amount(one.point_nanos)}"
    if one.low_nanos == one.high_nanos:
        return day
    low, high = short_amount(one.low_nanos), short_amount(one.high_nanos)
    span = _("%(low)s to %(high)s") % {"low": low, "high": high}
    return f"{day} ({span})"
