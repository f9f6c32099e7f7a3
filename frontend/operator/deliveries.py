"""What operators see of mails and webhook messages: filters and pages by id."""

from dataclasses import dataclass
from typing import Any

from django import forms
from django.db.models import Model, Q, QuerySet
from django.http import Http404
from django.utils.translation import gettext_lazy as _

from billing.domain.event_types import EventType
from tenants.domain.mail_kinds import MailKind

PAGE_ROWS = 50
_ID_DIGITS_MAX = 18
KINDS = {
    MailKind.CONFIRMATION: _("Address to confirm"),
    MailKind.PASSWORD: _("Password"),
    MailKind.SECURITY: _("Account security"),
    MailKind.INVITATION: _("Invitation"),
    MailKind.BUDGET: _("Budget"),
    MailKind.CREDIT: _("Low credit"),
    MailKind.RECHARGE: _("Auto-recharge"),
    MailKind.INVOICE: _("Invoice"),
    MailKind.CREDIT_NOTE: _("Credit note"),
    MailKind.REFUND: _("Refund"),
    MailKind.DUNNING: _("Overdue invoice"),
    MailKind.WEBHOOK: _("Webhook disabled"),
    MailKind.KEY_LEAK: _("Leaked key"),
    MailKind.SUSPENSION: _("Suspension"),
    MailKind.OPERATOR: _("To operators"),
}
_ARRIVED = Q(delivered_at__isnull=False)
_GIVEN_UP = Q(failed_at__isnull=False)
_WAITING = Q(next_try_at__isnull=False)
MESSAGE_STATES = {
    "waiting": (_("On its way"), _WAITING),
    "failing": (_("Failing"), _WAITING & Q(attempts__gt=0)),
    "given_up": (_("Given up"), _GIVEN_UP),
    "arrived": (_("Arrived"), _ARRIVED),
}


def is_id(text: str) -> bool:
    return text.isdecimal() and len(text) <= _ID_DIGITS_MAX


class _FilterForm(forms.Form):
    """All of it is optional; what is not understood filters nothing."""

    tenant = forms.CharField(required=False, widget=forms.HiddenInput)

    @property
    def said(self) -> dict[str, str]:
        self.full_clean()
        return {name: value for name, value in self.cleaned_data.items() if value}

    def _of_tenant(self) -> Q:
        wanted = self.said.get("tenant", "")
        return Q(tenant=int(wanted)) if is_id(wanted) else Q()


class MailFilterForm(_FilterForm):
    q = forms.CharField(required=False, max_length=254, label=_("Recipient"))
    kind = forms.ChoiceField(
        required=False,
        label=_("Kind"),
        choices=[
            ("", _("All kinds")),
            *((kind.value, title) for kind, title in KINDS.items()),
        ],
    )
    state = forms.ChoiceField(
        required=False,
        label=_("State"),
        choices=[
            ("", _("Sent or failed")),
            ("sent", _("Sent")),
            ("failed", _("Failed")),
        ],
    )

    @property
    def condition(self) -> Q:
        said, condition = self.said, self._of_tenant()
        if "q" in said:
            condition &= Q(recipient__icontains=said["q"].strip())
        if "kind" in said:
            condition &= Q(kind=said["kind"])
        if "state" in said:
            sent = Q(error="")
            condition &= sent if said["state"] == "sent" else ~sent
        return condition


class MessageFilterForm(_FilterForm):
    q = forms.CharField(required=False, max_length=254, label=_("Address or tenant"))
    type = forms.ChoiceField(
        required=False,
        label=_("Event"),
        choices=[("", _("All events")), *((one.value, one.value) for one in EventType)],
    )
    state = forms.ChoiceField(
        required=False,
        label=_("State"),
        choices=[
            ("", _("All states")),
            *((name, title) for name, (title, _rows) in MESSAGE_STATES.items()),
        ],
    )
    endpoint = forms.UUIDField(required=False, widget=forms.HiddenInput)

    @property
    def condition(self) -> Q:
        said, condition = self.said, self._of_tenant()
        if "q" in said:
            wanted = said["q"].strip()
            condition &= Q(endpoint__url__icontains=wanted) | Q(
                tenant__name__icontains=wanted
            )
        if "type" in said:
            condition &= Q(type=said["type"])
        if "state" in said:
            condition &= MESSAGE_STATES[said["state"]][1]
        if "endpoint" in said:
            condition &= Q(endpoint__public_id=said["endpoint"])
        return condition


@dataclass(frozen=True, kw_only=True)
class LogPage:
    rows: list[Any]
    next_before: int | None
    """Id that the next page is before; None: this is the last."""
    is_first: bool


def read_page(rows: QuerySet[Any], before: str) -> LogPage:
    """The newest first. Raises Http404 for a place that no page ever linked to."""
    if before and not is_id(before):
        raise Http404
    if before:
        rows = rows.filter(pk__lt=int(before))
    found: list[Model] = list(rows.order_by("-pk")[: PAGE_ROWS + 1])
    shown = found[:PAGE_ROWS]
    return LogPage(
        rows=shown,
        next_before=shown[-1].pk if found[PAGE_ROWS:] else None,
        is_first=not before,
    )
