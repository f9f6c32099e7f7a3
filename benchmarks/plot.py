"""A small picture of how a cost grows: both axes logarithmic, as SVG."""

from collections.abc import Sequence
from itertools import pairwise
from math import ceil, floor, log10
from pathlib import Path

_WIDTH, _HEIGHT, _MARGIN = 640, 400, 64
_STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#6b7280}"
    ".grid{stroke:#9ca3af;stroke-opacity:.35}"
    ".cost{stroke:#2563eb;stroke-width:2;fill:none}.dot{fill:#2563eb}"
    ".linear{stroke:#9ca3af;stroke-dasharray:4 4}"
)


def write_growth(path: Path, title: str, points: Sequence[tuple[int, float]]) -> None:
    """`points` are (events, seconds), fewest first. The dashed line is the cost in
    proportion to that of the most.
    """
    first, last = points[0], points[-1]
    proportional = (first[0], last[1] * first[0] / last[0])
    decades_x = _decades([float(count) for count, _ in points])
    decades_y = _decades([seconds for _, seconds in (*points, proportional)])

    def place(count: float, seconds: float) -> tuple[float, float]:
        width, height = _WIDTH - 2 * _MARGIN, _HEIGHT - 2 * _MARGIN
        x = _MARGIN + width * _share(count, decades_x)
        return x, _HEIGHT - _MARGIN - height * _share(seconds, decades_y)

    parts = [
        *(
            _vertical(place(10.0**n, 10.0 ** decades_y[0])[0], n)
            for n in _steps(decades_x)
        ),
        *(
            _horizontal(place(10.0 ** decades_x[0], 10.0**n)[1], n)
            for n in _steps(decades_y)
        ),
        _line("linear", place(*proportional), place(*last)),
        *(_line("cost", place(*one), place(*other)) for one, other in pairwise(points)),
        *(_dot(place(*point), point[1]) for point in points),
        f'<text x="{_MARGIN}" y="28">{title}</text>',
    ]
    path.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}"'
        f' role="img" aria-label="{title}"><style>{_STYLE}</style>'
        + "\n".join(parts)
        + "</svg>\n"
    )


def _decades(values: Sequence[float]) -> tuple[int, int]:
    low, high = floor(log10(min(values))), ceil(log10(max(values)))
    return low, max(high, low + 1)


def _steps(decades: tuple[int, int]) -> range:
    return range(decades[0], decades[1] + 1)


def _share(value: float, decades: tuple[int, int]) -> float:
    return (log10(value) - decades[0]) / (decades[1] - decades[0])


def _vertical(x: float, exponent: int) -> str:
    return (
        f'<path class="grid" d="M{x:.1f} {_MARGIN}V{_HEIGHT - _MARGIN}"/>'
        f'<text x="{x:.1f}" y="{_HEIGHT - _MARGIN + 24}" text-anchor="middle">'
        f"{10**exponent:,} events</text>"
    )


def _horizontal(y: float, exponent: int) -> str:
    return (
        f'<path class="grid" d="M{_MARGIN} {y:.1f}H{_WIDTH - _MARGIN}"/>'
        f'<text x="{_MARGIN - 8}" y="{y + 4:.1f}" text-anchor="end">'
        f"{10.0**exponent:g} s</text>"
    )


def _line(kind: str, begin: tuple[float, float], end: tuple[float, float]) -> str:
    points = f"M{begin[0]:.1f} {begin[1]:.1f}L{end[0]:.1f} {end[1]:.1f}"
    return f'<path class="{kind}" d="{points}"/>'


def _dot(at: tuple[float, float], seconds: float) -> str:
    return (
        f'<circle class="dot" cx="{at[0]:.1f}" cy="{at[1]:.1f}" r="4"/>'
        f'<text x="{at[0]:.1f}" y="{at[1] - 10:.1f}" text-anchor="middle">'
        f"{seconds:.2g} s</text>"
    )
