"""Amounts as text; the exact amount is always one hover away."""

from typing import Any

from django import template
from django.template.base import FilterExpression, NodeList, Parser, Token
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from billing.domain.money import percent
from frontend import currency, formatting

register = template.Library()
register.filter("exact_money", formatting.exact_amount)
register.filter("money_of_cents", formatting.amount_of_cents)
register.filter("rate", formatting.rate)
register.filter("percent", percent)
register.simple_tag(currency.active_currency, name="currency_code")


@register.filter
def money(amount_nanos: int) -> SafeString:
    short = formatting.short_amount(amount_nanos)
    exact = formatting.exact_amount(amount_nanos)
    title = gettext("exactly %(amount)s (%(nanos)s nanos)") % {
        "amount": exact,
        "nanos": formatting.whole(amount_nanos),
    }
    if short == exact:
        return format_html('<span title="{}">{}</span>', title, short)
    return format_html('<span class="exact" title="{}">{}</span>', title, short)


class _AmountsIn(template.Node):
    def __init__(self, code: FilterExpression, content: NodeList) -> None:
        self._code, self._content = code, content

    def render(self, context: Any) -> SafeString:
        with currency.amounts_in(self._code.resolve(context)):
            return self._content.render(context)


@register.tag
def amounts_in(parser: Parser, token: Token) -> template.Node:
    """`{% amounts_in invoice.currency %}…{% endamounts_in %}`, where a page has amounts
    of several tenants.
    """
    _, code = token.split_contents()
    content = parser.parse(("endamounts_in",))
    parser.delete_first_token()
    return _AmountsIn(parser.compile_filter(code), content)
