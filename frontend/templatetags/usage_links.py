"""Links from the usage page to itself, with something changed."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django import template
from django.utils.translation import gettext

from billing.domain.money import divided_half_up
from frontend import formatting
from frontend.usage.ranges import DAY, Range
from frontend.usage.selection import KEPT, Selection

register = template.Library()
_SAME_PERCENT = 100
_TIMES = 1_000
"""Per cent, from where on it is said in times."""


@register.filter
def split(text: str) -> list[str]:
    return text.split()


@register.filter
def at(values: Mapping[str, str], name: str) -> str:
    return values.get(name, "")


@register.simple_tag
def change(now: int, before: int) -> str:
    """` (+12 %)`, of much more ` (now 19 times that)`; after nothing, nothing."""
    if before <= 0:
        return ""
    percent = divided_half_up(_SAME_PERCENT * now, before) - _SAME_PERCENT
    if percent >= _TIMES:
        times = formatting.whole(divided_half_up(now, before))
        return " " + gettext("(now %(times)s times that)") % {"times": times}
    return f" ({formatting.whole(percent, sign='+')} %)"


@register.simple_tag
def usage_query(chosen: Selection, **changes: Any) -> str:
    """The address's parameters with `changes`; an empty one goes away. Another span
    takes its own size of buckets.
    """
    if "range" in changes:
        changes = {"from": "", "to": "", "per": "", **changes}
    said = {**chosen.said, **{name: str(value) for name, value in changes.items()}}
    return urlencode({name: said[name] for name in KEPT if said.get(name)})


@register.simple_tag
def narrowed_query(chosen: Selection, value: str) -> str:
    """To one group of those that are shown, by its kinds."""
    return str(usage_query(chosen, **{chosen.grouping: value, "by": ""}))


@register.simple_tag
def closer_query(chosen: Selection, start: datetime) -> str:
    """Into one bucket; empty: nothing is smaller than a minute."""
    span: Range = chosen.span
    if span.per == "minute":
        return ""
    end = start + span.bucket
    within = f"{start:%Y-%m-%dT%H:%M}", f"{end:%Y-%m-%dT%H:%M}"
    if span.bucket == DAY:
        within = f"{start:%Y-%m-%d}", f"{end - timedelta(days=1):%Y-%m-%d}"
    changes = {"range": "", "from": within[0], "to": within[1]}
    return str(usage_query(chosen, **changes))
