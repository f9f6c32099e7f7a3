"""What people type about plans and coupons."""

from typing import Any

from django import forms
from django.utils.translation import gettext

from billing.domain.month import Allowance
from billing.domain.rating import METER_NAMES
from billing.models.plans import Coupon, Plan
from billing.models.price_books import PriceBook
from billing.services.plans.redeem_coupon import clean_code
from frontend.lazy import lazy as _
from tenants.money_field import AmountInput, typed_plainly, written

_TEXT = {"autocomplete": "off", "spellcheck": "false"}
_CENTS_DIGITS = 2
_UNITS_MAX = 10**12
_QUANTITY_MAX = 10**15
_PERCENT_DIGITS = 2


class CentsField(forms.DecimalField):
    """Units on the page, whole cents in the program; empty: none."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            min_value=0,
            max_value=_UNITS_MAX,
            decimal_places=_CENTS_DIGITS,
            required=False,
            widget=AmountInput,
            **options,
        )

    def to_python(self, value: Any) -> Any:
        return super().to_python(typed_plainly(value))

    def clean(self, value: Any) -> Any:
        units = super().clean(value)
        return 0 if units is None else int(units.scaleb(_CENTS_DIGITS))

    def prepare_value(self, value: Any) -> Any:
        """What was typed goes back as it is; what was stored becomes units."""
        if isinstance(value, int):
            return written(f"{value // 100}.{value % 100:02}") if value else ""
        return value


class BasisPointsField(forms.DecimalField):
    """Percent on the page, whole basis points in the program; empty: none."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            min_value=0,
            max_value=100,
            decimal_places=_PERCENT_DIGITS,
            required=False,
            widget=AmountInput,
            **options,
        )

    def to_python(self, value: Any) -> Any:
        return super().to_python(typed_plainly(value))

    def clean(self, value: Any) -> Any:
        typed = super().clean(value)
        return 0 if typed is None else int(typed.scaleb(_PERCENT_DIGITS))

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, int):
            return f"{value // 100}.{value % 100:02}" if value else ""
        return value


class AllowancesField(forms.CharField):
    """A line for each: meter, quantity, and the model if it is of one."""

    widget = forms.Textarea(attrs={"rows": 4, **_TEXT})

    def to_python(self, value: Any) -> Any:
        lines = [line.split() for line in str(value or "").splitlines()]
        return [_allowance(words) for words in lines if words]

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, list):
            return "\n".join(
                f"{one.meter} {one.quantity} {one.model}".strip() for one in value
            )
        return value

    def run_validators(self, value: Any) -> None:
        """Those of text have nothing to say about allowances."""


def _allowance(words: list[str]) -> Allowance:
    meter, quantity, model = (*words, "", "")[:3]
    if meter not in METER_NAMES:
        raise forms.ValidationError(
            gettext("%(meter)s is no meter: %(METER_NAMES)s.")
            % {"meter": meter, "METER_NAMES": ", ".join(METER_NAMES)},
            code="meter",
        )
    digits = quantity.replace(",", "")
    if not digits.isdecimal() or not 0 < int(digits) <= _QUANTITY_MAX:
        raise forms.ValidationError(
            gettext("Say how much of %(meter)s is included, as a whole number.")
            % {"meter": meter},
            code="quantity",
        )
    return Allowance(model=model, meter=meter, quantity=int(digits))


class PlanForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in stubs only
    price_cents = CentsField(label=_("Price of a month"))
    minimum_cents = CentsField(label=_("A month comes to at least"))
    commitment_cents = CentsField(label=_("Commitment"))
    credit_cents = CentsField(
        label=_("Credit of a month"), help_text=_("Of a free plan only.")
    )
    percentage_basis_points = BasisPointsField(label=_("On top of usage, percent"))
    allowances = AllowancesField(
        required=False,
        label=_("Included in a month"),
        help_text=_(
            "A line for each, such as <code>output_tokens 1000000</code>; with"
            " the name of a model behind it, of that model alone."
        ),
    )

    class Meta:
        model = Plan
        fields = (
            "code",
            "name",
            "description",
            "kind",
            "currency",
            "price_cents",
            "minimum_cents",
            "commitment_cents",
            "commitment_months",
            "credit_cents",
            "percentage_basis_points",
            "trial_days",
            "price_book",
            "is_public",
        )
        labels = {
            "commitment_months": _("Commitment, months"),
            "trial_days": _("Trial, days"),
            "price_book": _("Price book"),
            "is_public": _("Tenants may choose it themselves"),
        }


class PlanBookForm(forms.Form):
    book = forms.ModelChoiceField(
        PriceBook.objects.none(),
        required=False,
        label=_("Price book"),
        empty_label=_("None: the list alone"),
    )

    def __init__(self, *args: Any, plan: Plan, **options: Any) -> None:
        super().__init__(*args, **options)
        books = PriceBook.objects.for_anybody().filter(
            is_list=False, currency=plan.currency
        )
        self.fields["book"].queryset = books.order_by("name")  # type: ignore[attr-defined]


class CouponForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in stubs only
    percent_basis_points = BasisPointsField(label=_("Percent off each line"))
    amount_cents = CentsField(label=_("Or off a month"), help_text=_("One of the two."))

    class Meta:
        model = Coupon
        fields = (
            "code",
            "name",
            "percent_basis_points",
            "amount_cents",
            "currency",
            "months",
            "redemptions_max",
            "redeem_until",
        )
        labels = {
            "months": _("For so many months"),
            "redemptions_max": _("For so many tenants"),
            "redeem_until": _("Redeemable until (UTC)"),
        }
        help_texts = {
            "currency": _("Of the amount; a percentage is of any."),
            "months": _("The month of redemption is the first. Empty: for ever."),
            "redemptions_max": _("Empty: for all."),
            "redeem_until": _("Such as <code>2027-01-01 00:00</code>. Empty: always."),
        }

    def clean_code(self) -> str:
        return clean_code(self.cleaned_data["code"])


class CouponCodeForm(forms.Form):
    code = forms.CharField(
        max_length=60, label=_("Coupon code"), widget=forms.TextInput(attrs=_TEXT)
    )


class PlanOfTenantForm(forms.Form):
    plan = forms.ModelChoiceField(
        Plan.objects.none(),
        required=False,
        label=_("Plan"),
        empty_label=_("None"),
    )
    when = forms.ChoiceField(choices=(), label=_("From"))

    def __init__(self, *args: Any, plans: Any, moments: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["plan"].queryset = plans  # type: ignore[attr-defined]
        self.fields["when"].choices = moments  # type: ignore[attr-defined]
