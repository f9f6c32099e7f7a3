"""What people may type, and the message beside the field when it will not do."""

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext

from frontend.lazy import lazy as _
from tenants.domain.names import NAME_CHARACTERS_MAX, clean_name


class NameForm(forms.Form):
    """A new name for a key or a tenant."""

    name = forms.CharField(
        label=_("Name"),
        max_length=NAME_CHARACTERS_MAX,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )

    def clean_name(self) -> str:
        name = clean_name(self.cleaned_data["name"])
        if name is None:
            raise ValidationError(gettext("Letters, digits, spaces and signs only."))
        return name
