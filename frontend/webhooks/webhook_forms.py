"""What people may type about webhook endpoints."""

import uuid
from typing import Any

from django import forms

from billing.domain.event_types import EventType
from billing.domain.webhook_url import URL_CHARACTERS_MAX
from billing.models.webhooks import WebhookEndpoint
from billing.services.webhooks.add_webhook_endpoint import DESCRIPTION_CHARACTERS_MAX
from frontend.lazy import lazy as _

REPLAY_HOURS = {1: _("the last hour"), 24: _("the last day"), 168: _("the last week")}


class WebhookForm(forms.Form):
    url = forms.CharField(
        label="URL",
        max_length=URL_CHARACTERS_MAX,
        help_text=_(
            "It gets a POST for each event, and answers 2xx within 10 seconds."
        ),
        widget=forms.URLInput(
            attrs={"placeholder": "https://example.com/hooks", "autocomplete": "off"}
        ),
    )
    description = forms.CharField(
        label=_("What it is for"),
        required=False,
        max_length=DESCRIPTION_CHARACTERS_MAX,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    types = forms.MultipleChoiceField(
        label=_("Events"),
        required=False,
        choices=[(kind.value, kind.value) for kind in EventType],
        help_text=_(
            "None ticked: all, also those that come later. KV leases have many."
        ),
        widget=forms.CheckboxSelectMultiple(attrs={"class": "form-check-input"}),
    )

    @property
    def values(self) -> dict[str, Any]:
        given = self.cleaned_data
        return {
            "url": given["url"],
            "description": given["description"],
            "types": given["types"] or None,
        }


class NewWebhookForm(WebhookForm):
    form_id = forms.UUIDField(widget=forms.HiddenInput)
    """Makes a second press of the button, or a reload, harmless."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["form_id"].initial = uuid.uuid4


class WebhookChangeForm(WebhookForm):
    is_enabled = forms.BooleanField(
        label=_("Enabled"),
        required=False,
        help_text=_(
            "While it is not, nothing is sent, and what happens is not kept for"
            " it. What waits already is sent once it is enabled again."
        ),
    )

    @classmethod
    def of(cls, endpoint: WebhookEndpoint) -> "WebhookChangeForm":
        return cls(
            initial={
                "url": endpoint.url,
                "description": endpoint.description,
                "types": endpoint.types or [],
                "is_enabled": endpoint.is_enabled,
            }
        )

    @property
    def values(self) -> dict[str, Any]:
        return super().values | {"is_enabled": self.cleaned_data["is_enabled"]}


class ReplayForm(forms.Form):
    hours = forms.TypedChoiceField(
        label=_("Send again what was made in"),
        coerce=int,
        choices=list(REPLAY_HOURS.items()),
    )
