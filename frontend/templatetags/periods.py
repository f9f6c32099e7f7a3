"""The span of an invoice as people write it."""

from datetime import UTC, timedelta

from django import template

from billing.models.invoices import Invoice

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
        return f"{start:%B %Y}"
    return f"{start.day} {start:%b} to {last.day} {last:%b %Y}"
