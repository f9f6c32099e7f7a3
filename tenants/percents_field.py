"""The thresholds of a budget as people type them."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext

from tenants.domain.limits import clean_thresholds


class PercentsField(forms.CharField):
    """`50, 80, 100` on the page, a list of numbers in the program."""

    def clean(self, value: Any) -> Any:
        try:
            typed = map(int, super().clean(value).split(","))
            cleaned = clean_thresholds(typed)
        except ValueError:
            cleaned = None
        if cleaned is None:
            raise ValidationError(
                gettext("One to five whole numbers, such as 50, 80, 100.")
            )
        return cleaned

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, list | tuple):
            return ", ".join(map(str, value))
        return value

    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed(self.prepare_value(initial), data)
