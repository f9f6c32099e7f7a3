"""Counts and times as text. Times are UTC and say so; times.js writes
them in the viewer's zone.
"""

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
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@register.filter
def count(number: int) -> str:
    return f"{number:,}"


@register.filter
def short_count(number: int) -> SafeString:
    return format_html(
        '<span title="{}">{}</span>', f"{number:,}", formatting.short_count(number)
    )


@register.filter
def size(number: int) -> SafeString:
    return format_html(
        '<span title="{} bytes">{}</span>',
        f"{number:,}",
        formatting.short_bytes(number),
    )


@register.filter
def utc(moment: datetime) -> SafeString:
    """`21 Nov 2026, 10:31 UTC`"""
    moment = moment.astimezone(UTC)
    return _time(moment, f"{moment.day} {moment:%b %Y, %H:%M} UTC", local="minute")


@register.filter
def utc_seconds(moment: datetime) -> SafeString:
    """`21 Nov, 10:31:07`: for lists whose head says UTC."""
    moment = moment.astimezone(UTC)
    return _time(moment, f"{moment.day} {moment:%b, %H:%M:%S}", local="second")


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


def _time(moment: datetime, text: str, *, local: str = "") -> SafeString:
    """`local`: how finely times.js writes it in the viewer's zone; empty: it stays."""
    form = format_html(' data-local="{}"', local) if local else ""
    return format_html(
        '<time datetime="{}" title="{} UTC"{}>{}</time>',
        moment.isoformat(timespec="seconds"),
        moment.strftime("%Y-%m-%d %H:%M:%S"),
        form,
        text,
    )


@register.simple_tag
def zone() -> SafeString:
    """In the head of a column of times: `UTC`, or the viewer's zone by times.js."""
    return SafeString("<span data-zone>UTC</span>")


@register.filter
def span(duration: timedelta) -> SafeString:
    """`267 ms`, and from one second on `3.2 s`."""
    exact = f"{duration // timedelta(milliseconds=1):,} ms"
    tenths = duration // timedelta(milliseconds=100)
    short = exact if tenths < _TENTHS else f"{tenths // 10:,}.{tenths % 10} s"
    return format_html('<span title="{}">{}</span>', exact, short)


@register.filter
def server_ms(moment: datetime) -> int:
    """Milliseconds since the epoch: what countdown.js sets its clock by."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


@register.simple_tag
def countdown(until: datetime, now: datetime) -> SafeString:
    """What is left, which countdown.js goes on counting; its text is made alike."""
    return format_html(
        '<time class="countdown" role="timer" datetime="{}" title="{} UTC"'
        ' data-until="{}">{}</time>',
        until.isoformat(timespec="seconds"),
        until.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S"),
        server_ms(until),
        formatting.time_left(until - now),
    )


@register.filter
def duration(seconds: int) -> str:
    """`15 s`, `4 m 05 s`, `1 h`: what somebody chose, not what is left."""
    text = formatting.time_left(timedelta(seconds=seconds))
    return text.removesuffix(" 00 s").removesuffix(" 00 m").removesuffix(" 0 h")


@register.filter
def eta(seconds: float) -> str:
    """How long something will still take, coarsely: it is an estimate."""
    if seconds < 90:  # noqa: PLR2004 - below it, minutes would be too coarse
        return f"about {max(5, round(seconds / 5) * 5)} seconds"
    return f"about {round(seconds / 60)} minutes"
