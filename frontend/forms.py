"""What people may type, and the message beside the field when it will not do."""

import uuid
from datetime import UTC, datetime, time, timedelta

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone

from inference.models import ServedModel
from tenants.domain.limits import AMOUNT_MAX
from tenants.domain.names import NAME_CHARACTERS_MAX, clean_name
from tenants.services.issue_api_key import (
    DEFAULT_REQUESTS_PER_MINUTE,
    DEFAULT_TOKENS_PER_MINUTE,
)


def _limit(label: str, unit: str, *, initial: int) -> forms.IntegerField:
    return forms.IntegerField(
        label=label,
        required=False,
        min_value=1,
        max_value=AMOUNT_MAX,
        initial=initial,
        help_text=f"{unit} Empty: no limit.",
        widget=forms.NumberInput(attrs={"inputmode": "numeric"}),
    )


class ApiKeyForm(forms.Form):
    form_id = forms.UUIDField(widget=forms.HiddenInput)
    """Makes a second press of the button, or a reload, harmless."""
    name = forms.CharField(
        label="Name",
        max_length=NAME_CHARACTERS_MAX,
        help_text="Where the key is used, so that you know it again.",
        widget=forms.TextInput(attrs={"placeholder": "Laptop", "autocomplete": "off"}),
    )
    expires_on = forms.DateField(
        label="Expires",
        required=False,
        help_text="It stops working at the end of this day, UTC. Empty: never.",
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    allowed_models = forms.MultipleChoiceField(
        label="Allowed models",
        required=False,
        help_text="None ticked: all models, also those that come later.",
        widget=forms.CheckboxSelectMultiple(attrs={"class": "form-check-input"}),
    )
    requests_per_minute = _limit(
        "Requests per minute",
        "At most so many calls.",
        initial=DEFAULT_REQUESTS_PER_MINUTE,
    )
    tokens_per_minute = _limit(
        "Tokens per minute",
        "Input and output together.",
        initial=DEFAULT_TOKENS_PER_MINUTE,
    )

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.fields["form_id"].initial = uuid.uuid4
        models = ServedModel.objects.order_by("-is_default", "name")
        choices = [(model.name, f"{model.title} ({model.name})") for model in models]
        self.fields["allowed_models"].choices = choices  # type: ignore[attr-defined]

    def clean_expires_on(self) -> datetime | None:
        """The midnight that ends the day."""
        day = self.cleaned_data["expires_on"]
        if day is None:
            return None
        end = datetime.combine(day + timedelta(days=1), time(), UTC)
        if end <= timezone.now():
            raise ValidationError("This day is over. Choose today or a later one.")
        return end


class NameForm(forms.Form):
    """A new name for a key or a tenant."""

    name = forms.CharField(
        label="Name",
        max_length=NAME_CHARACTERS_MAX,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )

    def clean_name(self) -> str:
        name = clean_name(self.cleaned_data["name"])
        if name is None:
            raise ValidationError("Letters, digits, spaces and signs only.")
        return name
