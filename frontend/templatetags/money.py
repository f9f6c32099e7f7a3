"""Amounts as text; the exact amount is always one hover away."""

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from billing.domain.money import percent
from frontend import formatting

register = template.Library()
register.filter("exact_usd", formatting.exact_usd)
register.filter("cents_usd", formatting.cents_usd)
register.filter("rate_usd", formatting.rate_usd)
register.filter("percent", percent)


@register.filter
def usd(amount_nanos: int) -> SafeString:
    short = formatting.short_usd(amount_nanos)
    exact = formatting.exact_usd(amount_nanos)
    title = f"exactly {exact} ({amount_nanos:,} nanos)"
    if short == exact:
        return format_html('<span title="{}">{}</span>', title, short)
    return format_html('<span class="exact" title="{}">{}</span>', title, short)
