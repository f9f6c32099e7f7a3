"""What ends something for good asks for its name, typed."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy


class TypedNameForm(forms.Form):
    """Valid once `name` is what was typed, but for spaces around it."""

    name = forms.CharField(
        label=gettext_lazy("Type its name"),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )

    def __init__(self, name: str, *args: Any, label: str = "", **options: Any) -> None:
        super().__init__(*args, **options)
        self._name = name
        self.fields["name"].help_text = format_html("<code>{}</code>", name)
        if label:
            self.fields["name"].label = label

    def clean_name(self) -> str:
        if self.cleaned_data["name"] != self._name.strip():
            raise ValidationError(_("It is not the same: type %s.") % self._name)
        return self._name


def posted(request: HttpRequest) -> tuple[QueryDict, ...]:
    """What a form is bound to: nothing while it is only looked at."""
    return (request.POST,) if request.method == "POST" else ()


def render_form(
    request: HttpRequest, template: str, context: dict[str, Any]
) -> HttpResponse:
    """422 if what was typed in `context["form"]` will not do."""
    status = 422 if context["form"].errors else 200
    return render(request, template, context, status=status)
