"""What invoices say of a tenant."""

from typing import Any

from django import forms
from django.utils.translation import gettext
from django_countries import countries

from billing.models.taxes import TaxProfile
from billing.services.taxes.set_billing_details import BillingDetails
from frontend.lazy import lazy as _

_FIELDS = (
    *("name", "address", "postcode", "city", "country"),
    *("is_business", "vat_id", "email", "reference"),
)


def _filled_by(name: str) -> forms.TextInput:
    """By the browser, if it knows."""
    return forms.TextInput(attrs={"autocomplete": name})


class BillingDetailsForm(forms.Form):
    name = forms.CharField(
        label=_("Name"),
        max_length=200,
        help_text=_("Your legal name, or your company's."),
    )
    address = forms.CharField(
        label=_("Street and number"),
        max_length=300,
        widget=_filled_by("billing street-address"),
    )
    postcode = forms.CharField(
        label=_("Postcode"),
        max_length=20,
        required=False,
        widget=_filled_by("billing postal-code"),
    )
    city = forms.CharField(
        label=_("City"), max_length=100, widget=_filled_by("billing address-level2")
    )
    country = forms.ChoiceField(
        label=_("Country"), help_text=_("It decides which tax you pay.")
    )
    is_business = forms.BooleanField(label=_("We are a business"), required=False)
    vat_id = forms.CharField(
        label="VAT ID",
        max_length=30,
        required=False,
        help_text=_(
            "Of a business in the European Union: with it, invoices from another "
            "member state bear no VAT, which you then owe yourself (reverse charge). "
            "Elsewhere, your tax number."
        ),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    email = forms.EmailField(
        label=_("E-mail for invoices"),
        required=False,
        help_text=_("Empty: they go to owners and billing members."),
    )
    reference = forms.CharField(
        label=_("Your reference"),
        max_length=100,
        required=False,
        help_text=_("Printed on invoices, such as the number of an order."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [("", gettext("Choose one")), *countries]
        self.fields["country"].choices = choices  # type: ignore[attr-defined]

    @property
    def details(self) -> BillingDetails:
        """Of a valid form."""
        return BillingDetails(**self.cleaned_data)


def initial_of(profile: TaxProfile | None, *, name: str) -> dict[str, Any]:
    """What the form shows first; `name` where nothing was said yet."""
    if profile is None:
        return {"name": name}
    return {field: getattr(profile, field) for field in _FIELDS}
