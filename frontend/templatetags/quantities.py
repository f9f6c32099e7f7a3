"""Counts and times as text. Times are UTC and say so; times.js writes
them in the viewer's zone.
"""

from datetime import UTC, datetime, timedelta

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext_lazy

from frontend import formatting

register = template.Library()

_UNITS = (
    (
        timedelta(days=365),
        ngettext_lazy("%d year ago", "%d years ago"),
        ngettext_lazy("in %d year", "in %d years"),
    ),
    (
        timedelta(days=30),
        ngettext_lazy("%d month ago", "%d months ago"),
        ngettext_lazy("in %d month", "in %d months"),
    ),
    (
        timedelta(days=1),
        ngettext_lazy("%d day ago", "%d days ago"),
        ngettext_lazy("in %d day", "in %d days"),
    ),
    (
        timedelta(hours=1),
        ngettext_lazy("%d hour ago", "%d hours ago"),
        ngettext_lazy("in %d hour", "in %d hours"),
    ),
    (
        timedelta(minutes=1),
        ngettext_lazy("%d minute ago", "%d minutes ago"),
        ngettext_lazy("in %d minute", "in %d minutes"),
    ),
)
"""From when on, and how it is said of the past and of what comes."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@register.filter
def count(number: int) -> str:
    return formatting.whole(number)


@register.filter
def short_count(number: int) -> SafeString:
    return format_html(
        '<span title="{}">{}</span>',
        formatting.whole(number),
        formatting.short_count(number),
    )


@register.filter
def hours(seconds: int) -> SafeString:
    """In hours, to the tenth."""
    text = formatting.with_tenths(seconds // 360)
    return format_html('<span title="{} s">{}</span>', formatting.whole(seconds), text)


@register.filter
def size(number: int) -> SafeString:
    return format_html(
        '<span title="{} {}">{}</span>',
        formatting.whole(number),
        gettext("bytes"),
        formatting.short_bytes(number),
    )


@register.filter
def utc(moment: datetime) -> SafeString:
    """`21 Nov 2026, 10:31 UTC`"""
    moment = moment.astimezone(UTC)
    return _time(
        moment, f"{formatting.day(moment)}, {moment:%H:%M} UTC", local="minute"
    )


@register.filter
def utc_seconds(moment: datetime) -> SafeString:
    """`21 Nov, 10:31:07`: for lists whose head says UTC."""
    moment = moment.astimezone(UTC)
    return _time(
        moment, f"{formatting.day_of_year(moment)}, {moment:%H:%M:%S}", local="second"
    )


@register.filter
def utc_day(moment: datetime) -> SafeString:
    moment = moment.astimezone(UTC)
    return _time(moment, formatting.day(moment))


@register.filter
def ago(moment: datetime) -> SafeString:
    moment = moment.astimezone(UTC)
    return _time(moment, _distance(timezone.now() - moment))


def _distance(span: timedelta) -> str:
    is_past = span >= timedelta(0)
    for size, past, coming in _UNITS:
        if number := abs(span) // size:
            return str((past if is_past else coming) % number)
    return gettext("just now") if is_past else gettext("in a moment")


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
    exact = f"{formatting.whole(duration // timedelta(milliseconds=1))} ms"
    is_short = duration < timedelta(seconds=1)
    short = exact if is_short else formatting.seconds_and_tenths(duration)
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
        return gettext("about %d seconds") % max(5, round(seconds / 5) * 5)
    return gettext("about %d minutes") % round(seconds / 60)
