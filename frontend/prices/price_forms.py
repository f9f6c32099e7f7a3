"""What staff may type about prices."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext

from billing.domain.price_list import check_no_arbitrage, rates_of
from billing.domain.price_models import MeterPricing
from billing.domain.pricing_text import parse_pricing, pricing_text
from billing.domain.rating import METER_NAMES, Price
from billing.errors import BillingError
from billing.models.price_books import PriceBook
from billing.models.prices import PriceVersion
from frontend.lazy import lazy as _
from frontend.prices.price_list import TITLES, per_rate
from inference.models import ServedModel
from metering.domain.usage import Meter
from tenants.domain.currency import CURRENCIES

QUANTITY_SHOWN = 10_000_000
_QUANTITY_MAX = 10**15
_REQUIRED = frozenset(
    {
        Meter.NEW_INPUT_TOKENS.value,
        Meter.CACHED_INPUT_TOKENS.value,
        Meter.OUTPUT_TOKENS.value,
    }
)
_TEXT = {"autocomplete": "off", "spellcheck": "false"}


class PricingField(forms.CharField):
    """A `MeterPricing`, as `billing.domain.pricing_text` writes it; None: empty."""

    def __init__(self, meter: str) -> None:
        self.meter = meter
        super().__init__(
            label=f"{TITLES[meter]}, {per_rate(meter)}",
            required=meter in _REQUIRED,
            help_text="" if meter in _REQUIRED else gettext("Empty: not sold."),
            max_length=500,
            widget=forms.TextInput(attrs=_TEXT),
        )

    def to_python(self, value: Any) -> Any:
        try:
            return parse_pricing(self.meter, str(value)) if value else None
        except BillingError as error:
            raise forms.ValidationError(str(error)) from error

    def run_validators(self, value: Any) -> None:
        """Those of text have nothing to say about a pricing."""


class BookField(forms.ModelChoiceField):  # type: ignore[type-arg]  # generic in stubs only
    def label_from_instance(self, book: PriceBook) -> str:
        return f"{book.name}, {book.currency}"


class ModelField(forms.ModelChoiceField):  # type: ignore[type-arg]  # generic in stubs only
    def label_from_instance(self, served_model: ServedModel) -> str:
        return served_model.name


class SetPriceForm(forms.Form):
    price_book = BookField(
        PriceBook.objects.order_by("-is_list", "name"),
        label=_("Book"),
        empty_label=None,
    )
    served_model = ModelField(
        ServedModel.objects.order_by("name"), label=_("Model"), empty_label=None
    )
    effective_from = forms.DateTimeField(
        required=False,
        label=_("From (UTC)"),
        help_text=_("Such as <code>2027-01-01 00:00</code>. Empty: at once."),
        widget=forms.DateTimeInput(attrs=_TEXT),
    )
    quantity = forms.IntegerField(
        min_value=0,
        max_value=_QUANTITY_MAX,
        initial=QUANTITY_SHOWN,
        label=_("Show what so many cost in a month"),
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for meter in METER_NAMES:
            self.fields[meter] = PricingField(meter)

    @property
    def meters(self) -> list[forms.BoundField]:
        return [self[meter] for meter in METER_NAMES]

    @property
    def pricings(self) -> dict[str, MeterPricing]:
        """Once it is valid."""
        found = {meter: self.cleaned_data[meter] for meter in METER_NAMES}
        return {meter: pricing for meter, pricing in found.items() if pricing}

    def clean_effective_from(self) -> datetime | None:
        """Typed as UTC, which is also the server's time zone."""
        typed: datetime | None = self.cleaned_data["effective_from"]
        return typed.astimezone(UTC) if typed else None

    def clean(self) -> dict[str, Any]:
        if not self.errors:
            pricings = self.pricings
            price = Price(
                price_version_id=0,
                model=self.cleaned_data["served_model"].name,
                rates=rates_of(pricings),
                pricings=pricings,
            )
            try:
                check_no_arbitrage(price)
            except BillingError as error:
                raise forms.ValidationError(str(error)) from error
        return self.cleaned_data


class EndPriceForm(forms.Form):
    effective_to = forms.DateTimeField(
        required=False,
        label=_("Until (UTC)"),
        help_text=_("Such as <code>2027-01-01 00:00</code>. Empty: at once."),
        widget=forms.DateTimeInput(attrs=_TEXT),
    )


class BookForm(forms.Form):
    currency = forms.ChoiceField(
        choices=[(code, code) for code in CURRENCIES],
        initial=lambda: settings.DEFAULT_CURRENCY,
    )
    is_list = forms.BooleanField(
        required=False,
        label=_("The list of this currency"),
        help_text=_("Which holds for all who pay in it and have no other price."),
    )
    name = forms.CharField(
        required=False,
        max_length=100,
        label=_("Name"),
        help_text=_("Of another book than the list."),
        widget=forms.TextInput(attrs=_TEXT),
    )

    def clean(self) -> dict[str, Any]:
        values = self.cleaned_data
        if not values.get("is_list") and not values.get("name"):
            raise forms.ValidationError(gettext("A book needs a name."))
        return values


def texts_of(version: PriceVersion | None) -> Mapping[str, str]:
    """What would be typed to set the same price, by meter."""
    if version is None:
        return {}
    price = version.price
    found = {meter: price.pricing_of(meter) for meter in METER_NAMES}
    return {meter: pricing_text(meter, one) for meter, one in found.items() if one}
