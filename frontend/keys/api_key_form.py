"""What people may type of a new API key."""

import uuid
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone

from frontend.access import Access
from frontend.currency import with_currency
from frontend.lazy import lazy as _
from inference.models import ServedModel
from tenants.domain.limits import AMOUNT_MAX
from tenants.domain.names import NAME_CHARACTERS_MAX
from tenants.models import Project
from tenants.money_field import MoneyField
from tenants.services.issue_api_key import (
    DEFAULT_REQUESTS_PER_MINUTE,
    DEFAULT_TOKENS_PER_MINUTE,
)
from tenants.wire import KeyScope

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

SCOPES: dict[KeyScope, "str | _StrPromise"] = {
    KeyScope.GENERATE: _("Generate: chat, completions, responses, messages"),
    KeyScope.EMBED: _("Embed"),
    KeyScope.IMAGE: _("Make images"),
    KeyScope.KV: _("Cached prompts, quotes and leases"),
    KeyScope.ACCOUNT: _("Account: usage, invoices and webhooks, by program"),
}


def _limit(
    label: "str | _StrPromise", hint: "str | _StrPromise", initial: int
) -> forms.Field:
    return forms.IntegerField(
        label=label,
        required=False,
        min_value=1,
        max_value=AMOUNT_MAX,
        initial=initial,
        help_text=hint,
        widget=forms.NumberInput(attrs={"inputmode": "numeric"}),
    )


def _money(label: "str | _StrPromise", hint: "str | _StrPromise") -> forms.Field:
    return MoneyField(
        label=label,
        required=False,
        help_text=hint,
        widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"}),
    )


class ApiKeyForm(forms.Form):
    form_id = forms.UUIDField(widget=forms.HiddenInput)
    """Makes a second press of the button, or a reload, harmless."""
    name = forms.CharField(
        label=_("Name"),
        max_length=NAME_CHARACTERS_MAX,
        help_text=_("Where the key is used, so that you know it again."),
        widget=forms.TextInput(attrs={"placeholder": "Laptop", "autocomplete": "off"}),
    )
    project = forms.ModelChoiceField(
        label=_("Project"),
        queryset=Project.objects.none(),
        required=False,
        empty_label=None,
        help_text=_("Which sees its use, and whose limits hold for it."),
    )
    scopes = forms.MultipleChoiceField(
        label=_("Scopes"),
        required=False,
        choices=[(scope.value, title) for scope, title in SCOPES.items()],
        help_text=_("What it may be used for. None ticked: everything."),
        widget=forms.CheckboxSelectMultiple(attrs={"class": "form-check-input"}),
    )
    allowed_models = forms.MultipleChoiceField(
        label=_("Allowed models"),
        required=False,
        help_text=_("None ticked: all models, also those that come later."),
        widget=forms.CheckboxSelectMultiple(attrs={"class": "form-check-input"}),
    )
    expires_on = forms.DateField(
        label=_("Expires"),
        required=False,
        help_text=_("It stops working at the end of this day, UTC. Empty: never."),
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    requests_per_minute = _limit(
        _("Requests per minute"),
        _("At most so many calls. Empty: no limit."),
        DEFAULT_REQUESTS_PER_MINUTE,
    )
    tokens_per_minute = _limit(
        _("Tokens per minute"),
        _("Input and output together. Empty: no limit."),
        DEFAULT_TOKENS_PER_MINUTE,
    )
    spend_limit_nanos = _money(
        with_currency(_("Spend limit a month")),
        _("A call that might pass it is refused. Empty: none."),
    )
    budget_nanos = _money(
        with_currency(_("Budget a month")),
        _("The owners are mailed at shares of it; no call is refused. Empty: none."),
    )

    def __init__(self, access: Access, *args: Any, **options: Any) -> None:
        """Without what the member's role may not set."""
        super().__init__(*args, **options)
        self.fields["form_id"].initial = uuid.uuid4
        models = ServedModel.objects.order_by("-is_default", "name")
        choices = [(model.name, f"{model.title} ({model.name})") for model in models]
        self.fields["allowed_models"].choices = choices  # type: ignore[attr-defined]
        mine = access.tenant.projects.filter(archived_at=None).order_by("pk")
        self.fields["project"].queryset = mine  # type: ignore[attr-defined]
        self._default_project = mine.first
        if not access.may_limit:
            del self.fields["spend_limit_nanos"], self.fields["budget_nanos"]

    def clean_project(self) -> Project | None:
        """The tenant's first, where none was named; None: all are archived."""
        return self.cleaned_data["project"] or self._default_project()

    def clean_scopes(self) -> list[KeyScope] | None:
        return [KeyScope(name) for name in self.cleaned_data["scopes"]] or None

    def clean_expires_on(self) -> datetime | None:
        """The midnight that ends the day."""
        day = self.cleaned_data["expires_on"]
        if day is None:
            return None
        end = datetime.combine(day + timedelta(days=1), time(), UTC)
        if end <= timezone.now():
            raise ValidationError(_("This day is over. Choose today or a later one."))
        return end
