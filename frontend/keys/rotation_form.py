"""For how long a rotated key goes on working."""

import uuid
from datetime import timedelta
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

_HOUR = 3600
_CHOICES = (
    ("0", _("It stops at once")),
    (str(_HOUR), _("1 hour")),
    (str(24 * _HOUR), _("24 hours")),
    (str(7 * 24 * _HOUR), _("7 days")),
    (str(30 * 24 * _HOUR), _("30 days")),
)


class RotationForm(forms.Form):
    form_id = forms.UUIDField(widget=forms.HiddenInput)
    """Makes a second press of the button, or a reload, harmless."""
    overlap = forms.ChoiceField(
        label=_("The old key works on for"),
        choices=_CHOICES,
        initial=str(24 * _HOUR),
        help_text=_("Time to put the new one in its place. It can be ended early."),
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["form_id"].initial = uuid.uuid4

    def clean_overlap(self) -> timedelta:
        return timedelta(seconds=int(self.cleaned_data["overlap"]))
