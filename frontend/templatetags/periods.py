"""The span of an invoice as people write it."""

from datetime import UTC, timedelta

from django import template
from django.utils.translation import gettext

from billing.models.invoices import Invoice
from frontend import formatting

register = template.Library()


@register.filter
def period(invoice: Invoice) -> str:
    """`November 2026` for a whole month, else `1 Nov to 14 Nov 2026` (inclusive)."""
    start = invoice.period_start.astimezone(UTC)
    last = invoice.period_end.astimezone(UTC) - timedelta(microseconds=1)
    is_whole = (
        invoice.period_end.astimezone(UTC)
    ).day == 1 and start.month == last.month
    if is_whole and start.day == 1:
        return formatting.month(start)
    return gettext("%(first)s to %(last)s") % {
        "first": formatting.day_of_year(start),
        "last": formatting.day(last),
    }
