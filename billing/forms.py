"""What an operator types in the admin site."""

from typing import Any

from django import forms
from django.utils import timezone
from stdnum import bic, iban
from stdnum.exceptions import ValidationError
from unfold.widgets import UnfoldAdminSplitDateTimeWidget, UnfoldAdminTextInputWidget

from billing.domain.money import parse_image_rate, parse_rate
from billing.domain.rating import Rates
from billing.errors import BillingError, InvalidVatIdError
from billing.models.prices import PriceVersion
from billing.models.taxes import LegalEntity
from billing.services.prices.set_price import set_price
from billing.services.taxes.check_vat_id import check_vat_id


class RateField(forms.CharField):
    """Per million tokens, or MB_s, as nanos; None for an empty field."""

    widget = UnfoldAdminTextInputWidget

    def to_python(self, value: Any) -> Any:
        try:
            return parse_rate(str(value)) if value else None
        except BillingError as error:
            raise forms.ValidationError(str(error)) from error


class ImageRateField(forms.CharField):
    """Per image, as nanos per million."""

    widget = UnfoldAdminTextInputWidget

    def to_python(self, value: Any) -> Any:
        try:
            return parse_image_rate(str(value)) if value else None
        except BillingError as error:
            raise forms.ValidationError(str(error)) from error


class PriceForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in stubs only
    new_input_nanos_per_million = RateField(label="New input, per million tokens")
    cached_input_nanos_per_million = RateField(label="Cached input, per million tokens")
    output_nanos_per_million = RateField(label="Output, per million tokens")
    image_nanos_per_million = ImageRateField(
        required=False, label="Per image", help_text="Empty: not sold."
    )
    hbm_mb_s_nanos_per_million = RateField(
        required=False,
        label="KV leases in GPU memory, per million MB·s",
        help_text="Empty: not sold.",
    )
    host_mb_s_nanos_per_million = RateField(
        required=False,
        label="KV leases in host memory, per million MB·s",
        help_text="Empty: not sold.",
    )
    disk_mb_s_nanos_per_million = RateField(
        required=False,
        label="KV leases on disk, per million MB·s",
        help_text="Empty: not sold.",
    )
    effective_from = forms.SplitDateTimeField(
        required=False,
        widget=UnfoldAdminSplitDateTimeWidget,
        label="Effective from (UTC)",
        help_text="Empty: at once.",
    )

    class Meta:
        model = PriceVersion
        fields = (
            "served_model",
            "new_input_nanos_per_million",
            "cached_input_nanos_per_million",
            "output_nanos_per_million",
            "image_nanos_per_million",
            "hbm_mb_s_nanos_per_million",
            "host_mb_s_nanos_per_million",
            "disk_mb_s_nanos_per_million",
            "effective_from",
        )

    def _post_clean(self) -> None:
        """Where Django validates the row, the service sets the price: so that what it
        refuses is said beside the form, and the constraints are not asked twice.
        """
        if self.errors:
            return
        values, now = dict(self.cleaned_data), timezone.now()
        try:
            self.instance = set_price(
                served_model=values.pop("served_model"),
                effective_from=values.pop("effective_from") or now,
                rates=Rates(**values),
                now=now,
            )
        except BillingError as error:
            self.add_error(None, str(error))


class LegalEntityForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in stubs only
    """Numbers are checked by their own check digits."""

    class Meta:
        model = LegalEntity
        fields = (
            *("name", "address", "postcode", "city", "country", "vat_id", "email"),
            *("iban", "bic", "number_prefix", "is_tax_inclusive", "payment_days"),
        )

    def clean_iban(self) -> str:
        return _checked_number(iban, self.cleaned_data["iban"], "an IBAN")

    def clean_bic(self) -> str:
        return _checked_number(bic, self.cleaned_data["bic"], "a BIC")

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or {}
        if values.get("vat_id") and values.get("country"):
            try:
                values["vat_id"] = check_vat_id(
                    values["vat_id"], country=values["country"]
                )
            except InvalidVatIdError as error:
                self.add_error("vat_id", str(error))
        return values


def _checked_number(kind: Any, text: str, name: str) -> str:
    """`kind`: a module of python-stdnum. Empty: none."""
    try:
        return str(kind.validate(text)) if text else ""
    except ValidationError as error:
        raise forms.ValidationError(f"{text!r} is not {name}.") from error
