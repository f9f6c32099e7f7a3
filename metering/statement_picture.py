"""A statement as bars: what the engine counted, above what usage events account for."""

from collections.abc import Iterable, Sequence

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from metering.audit_models import ReconciliationLine

_WIDTH, _LABEL, _ROW, _BAR = 720, 130, 58, 18
_ENGINE, _DIFFERENCE = "#64748b", "#dc2626"
_BUCKETS = {
    "billed": "#0284c7",
    "client_gone": "#d97706",
    "unbilled": "#7c3aed",
    "estimated": "#db2777",
}


def statement_picture(lines: Sequence[ReconciliationLine]) -> SafeString:
    """One pair of bars for each source, each pair to its own scale, with numbers."""
    rows = format_html_join(
        "", "{}", ((_pair(line, top=n * _ROW),) for n, line in enumerate(lines))
    )
    height = len(lines) * _ROW + 26
    return format_html(
        '<svg viewBox="0 0 {} {}" width="{}" role="img" fill="currentColor"'
        ' font-size="12" aria-label="{}">{}{}</svg>',
        _WIDTH,
        height,
        _WIDTH,
        "; ".join(map(_spoken, lines)),
        rows,
        _legend(top=len(lines) * _ROW + 6),
    )


def _spoken(line: ReconciliationLine) -> str:
    return f"{line.source}: engine {line.engine}, difference {line.difference}"


def _pair(line: ReconciliationLine, *, top: int) -> SafeString:
    parts = [(getattr(line, name), colour) for name, colour in _BUCKETS.items()]
    said = sum(amount for amount, _ in parts)
    scale = (_WIDTH - _LABEL - 110) / max(line.engine, said, 1)
    note = f"differs by {line.difference:+}" if line.difference else "no difference"
    engine = [(line.engine, _ENGINE)]
    return format_html(
        '<text x="0" y="{}">{}</text><text x="0" y="{}" fill="{}">{}</text>{}{}',
        top + 14,
        line.source.replace("_", " "),
        top + 14 + _BAR,
        _DIFFERENCE if line.difference else "currentColor",
        note,
        _bar(engine, line.engine, top=top, scale=scale),
        _bar(parts, said, top=top + _BAR + 4, scale=scale),
    )


def _bar(
    parts: Iterable[tuple[int, str]], total: int, *, top: int, scale: float
) -> SafeString:
    drawn: list[tuple[str, int, str, str]] = []
    left = float(_LABEL)
    for amount, colour in parts:
        width = max(0, amount) * scale
        drawn.append((f"{left:.1f}", top, f"{width:.1f}", colour))
        left += width
    bars = format_html_join(
        "", f'<rect x="{{}}" y="{{}}" width="{{}}" height="{_BAR}" fill="{{}}"/>', drawn
    )
    return format_html(
        '{}<text x="{}" y="{}">{}</text>', bars, f"{left + 6:.1f}", top + 14, total
    )


def _legend(*, top: int) -> SafeString:
    names = {"engine": _ENGINE, **_BUCKETS}
    return format_html_join(
        "",
        '<rect x="{}" y="{}" width="12" height="12" fill="{}"/>'
        '<text x="{}" y="{}">{}</text>',
        (
            (n * 120, top, colour, n * 120 + 18, top + 11, name.replace("_", " "))
            for n, (name, colour) in enumerate(names.items())
        ),
    )
