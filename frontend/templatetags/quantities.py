"""Counts and times as text. Times are UTC and say so."""

from datetime import UTC, datetime, timedelta

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from frontend import formatting

register = template.Library()

_UNITS = (
    (timedelta(days=365), "year"),
    (timedelta(days=30), "month"),
    (timedelta(days=1), "day"),
    (timedelta(hours=1), "hour"),
    (timedelta(minutes=1), "minute"),
)
_TENTHS = 10


@register.filter
def count(number: int) -> str:
    return f"{number:,}"


@register.filter
def short_count(number: int) -> SafeString:
    return format_html(
        '<span title="{}">{}</span>', f"{number:,}", formatting.short_count(number)
    )


@register.filter
def utc(moment: datetime) -> SafeString:
    """`21 Nov 2026, 10:31 UTC`"""
    moment = moment.astimezone(UTC)
    return _time(moment, f"{moment.day} {moment:%b %Y, %H:%M} UTC")


@register.filter
def utc_seconds(moment: datetime) -> SafeString:
    """`21 Nov, 10:31:07`: for lists whose head says UTC."""
    moment = moment.astimezone(UTC)
    return _time(moment, f"{moment.day} {moment:%b, %H:%M:%S}")


@register.filter
def utc_day(moment: datetime) -> SafeString:
    moment = moment.astimezone(UTC)
    return _time(moment, f"{moment.day} {moment:%b %Y}")


@register.filter
def ago(moment: datetime) -> SafeString:
    moment = moment.astimezone(UTC)
    return _time(moment, _distance(timezone.now() - moment))


def _distance(span: timedelta) -> str:
    before, after = (" ago", "") if span >= timedelta(0) else ("", "in ")
    for size, unit in _UNITS:
        if number := abs(span) // size:
            return f"{after}{number} {unit}{'s' if number > 1 else ''}{before}"
    return "just now" if before else "in a moment"


def _time(moment: datetime, text: str) -> SafeString:
    return format_html(
        '<time datetime="{}" title="{} UTC">{}</time>',
        moment.isoformat(timespec="seconds"),
        moment.strftime("%Y-%m-%d %H:%M:%S"),
        text,
    )


@register.filter
def span(duration: timedelta) -> SafeString:
    """`267 ms`, and from one second on `3.2 s`."""
    exact = f"{duration // timedelta(milliseconds=1):,} ms"
    tenths = duration // timedelta(milliseconds=100)
    short = exact if tenths < _TENTHS else f"{tenths // 10:,}.{tenths % 10} s"
    return format_html('<span title="{}">{}</span>', exact, short)


@register.filter
def eta(seconds: float) -> str:
    """How long something will still take, coarsely: it is an estimate."""
    if seconds < 90:  # noqa: PLR2004 - below it, minutes would be too coarse
        return f"about {max(5, round(seconds / 5) * 5)} seconds"
    return f"about {round(seconds / 60)} minutes"
