"""Links to files of a span of time, which the management API streams."""

from datetime import datetime, timedelta

from django import template
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.http import urlencode
from django.utils.safestring import SafeString

from billing.encoding import FileFormat
from frontend.lazy import lazy as _

register = template.Library()

_YEAR = timedelta(days=365)
_TITLES = {
    FileFormat.CSV: "CSV",
    FileFormat.JSONL: _("JSON lines"),
    FileFormat.PARQUET: "Parquet",
}


@register.simple_tag
def export_links(export: str, start: datetime, end: datetime) -> SafeString:
    """One for each form of the file."""
    path = reverse("billing:api_v1:export", args=[export])
    span = {"start": start.isoformat(), "end": end.isoformat()}
    links = (
        (f"{path}?{urlencode(span | {'format': one.value})}", title)
        for one, title in _TITLES.items()
    )
    return format_html_join(" ", '<a class="btn btn-sm" href="{}">{}</a>', links)


@register.simple_tag
def export_links_of_year(export: str) -> SafeString:
    now = timezone.now()
    return format_html("{}", export_links(export, now - _YEAR, now))
