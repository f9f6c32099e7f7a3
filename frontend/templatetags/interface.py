"""Small pieces of every page: icons, menu items, form fields, copy buttons."""

from typing import Any

from django import template
from django.forms import BoundField, CheckboxInput, RadioSelect, Select
from django.templatetags.static import static
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext

register = template.Library()


@register.simple_tag
def icon(name: str, size: str = "") -> SafeString:
    """An icon of the sprite `vendor/icons`; decoration only, so hidden from readers."""
    return format_html(
        '<svg class="icon {}" aria-hidden="true"><use href="{}#{}"></use></svg>',
        size,
        static("vendor/icons/tabler-icons.svg"),
        name,
    )


@register.simple_tag
def marked(text: str) -> SafeString:
    """Text in which `names` stand between backticks, as the code writes them."""
    parts = enumerate(text.split("`"))
    return format_html_join(
        "",
        "{}",
        (
            (format_html("<code>{}</code>", part) if index % 2 else part,)
            for index, part in parts
        ),
    )


@register.simple_tag(takes_context=True)
def menu_item(context: Any, page: str, title: str, icon_name: str = "") -> SafeString:
    """An item of the main menu; marked on its page and on those below it. Items of a
    group have no icon of their own.
    """
    shown = context["portal"].page
    is_current = shown == page or (page in _PARENTS and shown in _PARENTS[page])
    return format_html(
        '<li><a href="{}"{}>{}{}</a></li>',
        reverse(f"frontend:{page}"),
        SafeString(' aria-current="page"') if is_current else "",
        icon(icon_name) if icon_name else "",
        title,
    )


@register.simple_block_tag(takes_context=True)
def menu_group(
    context: Any, content: str, title: str, icon_name: str, open_on: str = ""
) -> SafeString:
    """Items under a title that folds them away. Open is the group of the page that is
    shown, so that the address alone decides; nothing where no item may be seen.
    """
    if "<li>" not in content:
        return SafeString("")
    is_open = 'aria-current="page"' in content or context["portal"].page == open_on
    return format_html(
        '<li><details class="menu-group"{}><summary>{}{}{}</summary>'
        '<ul class="menu">{}</ul></details></li>',
        SafeString(" open") if is_open else "",
        icon(icon_name),
        title,
        icon("chevron-down"),
        content,
    )


_PARENTS = {
    "limits": {"spend_limit"},
    "budgets": {"budget", "credit_threshold"},
    "api_keys": {
        "create_api_key",
        "api_key",
        "key_limits",
        "revoke_api_key",
        "rotate_api_key",
        "end_overlap",
        "key_leaked",
        "leaks",
    },
    "usage": {"saved_views"},
    "calls": {"call"},
    "cached_prompts": {
        "create_cached_prompt",
        "cached_prompt",
        "extend_cached_prompt",
        "delete_cached_prompt",
    },
    "leases": {"extend_lease", "release_lease"},
    "credit": {"top_up", "auto_recharge"},
    "invoices": {
        "invoice",
        "credit_note",
        "invoice_line",
        "line_day",
        "line_hour",
        "check_line",
        "receipt",
    },
    "webhooks": {
        "add_webhook",
        "webhook",
        "change_webhook",
        "rotate_webhook",
        "remove_webhook",
        "webhook_message",
    },
    "docs": {"guide", "endpoint", "docs_search", "api_docs", "api_topic"},
    "mailbox": {"mail"},
    "plan": {"adviser", "change_plan", "cancel_plan", "redeem_coupon"},
    "projects": {"archive_project"},
    "settings": {"retention"},
    "members": {"remove_member"},
    "operator": {
        "operator_tenant",
        "operator_tenant_limits",
        "operator_suspend",
        "operator_sign_in_as",
        "operator_tenant_prices",
        "operator_tenant_plan",
        "operator_tenant_currency",
        "operator_credit",
        "withdraw_credit",
    },
    "operator_incidents": {"operator_incident"},
    "operator_deliveries": {"operator_webhooks", "operator_webhook"},
    "operator_invoices": {
        "operator_invoice",
        "operator_blocked",
        "operator_issue_invoice",
        "operator_credit_invoice",
        "operator_void_invoice",
        "operator_write_off_invoice",
        "operator_record_transfer",
    },
    "operator_engines": {
        "operator_engine",
        "operator_drain_engine",
        "operator_engine_cost",
    },
    "operator_plans": {"operator_create_plan", "operator_withdraw_plan"},
    "operator_coupons": {
        "operator_create_coupon",
        "operator_coupon",
        "operator_end_coupon",
    },
    "operator_prices": {"operator_set_price", "operator_end_price"},
}


@register.simple_tag
def copy_button(selector: str, label: str = "") -> SafeString:
    label = label or gettext("Copy")
    return format_html(
        '<button type="button" class="copy" data-copy="{}" title="{}" aria-label="{}">'
        "{}{}</button>",
        selector,
        label,
        label,
        icon("copy"),
        icon("check"),
    )


@register.inclusion_tag("frontend/field.html")
def field(bound: BoundField) -> dict[str, Any]:
    """A form field with its label, hint and messages, tied together for readers."""
    widget = bound.field.widget
    kind = "text"
    if isinstance(widget, RadioSelect):  # also its subclass of several boxes
        kind = "choices"
    elif isinstance(widget, CheckboxInput):
        kind = "checkbox"
    style = "form-select" if isinstance(widget, Select) else "form-control"
    if kind == "checkbox":
        style = "form-check-input"
    given = widget.attrs.get("class", "")
    return {
        "field": bound,
        "kind": kind,
        "control": bound.as_widget(attrs={"class": f"{style} {given}".strip()}),
    }


@register.simple_tag
def filter_control(bound: BoundField) -> SafeString:
    """A filter without a visible label: its first choice, or its hint, says what it is.
    A list applies itself when it is changed.
    """
    is_list = isinstance(bound.field.widget, Select)
    looks: dict[str, Any] = {"class": "form-select" if is_list else "form-control"}
    looks |= {"data-submit": True} if is_list else {"placeholder": bound.label}
    return bound.as_widget(attrs=looks)
