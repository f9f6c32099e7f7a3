"""What the forms that filter a list have in common."""

from typing import ClassVar
from urllib.parse import urlencode

from django import forms
from django.http import QueryDict

from frontend.tables import Rules


class FilterForm(forms.Form):
    """All of it is optional; how the list is sorted is kept."""

    rules: ClassVar[Rules]
    """Of the list."""
    sort = forms.CharField(required=False, widget=forms.HiddenInput)

    @property
    def said(self) -> dict[str, str]:
        """What is not empty and means something."""
        self.full_clean()
        found = {name: value for name, value in self.cleaned_data.items() if value}
        if found.get("sort", "").removeprefix("-") not in self.rules.sorts:
            found.pop("sort", None)
        return found

    @property
    def is_filtered(self) -> bool:
        return bool(self.said.keys() - {"sort"})

    def address(self, after: str) -> QueryDict:
        """Of a page of the list, with nothing in it that means nothing."""
        return QueryDict(urlencode({**self.said, "after": after}))
