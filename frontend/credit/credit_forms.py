"""What may be typed about credit, by owners and by staff."""

import uuid
from datetime import UTC, date, datetime, time
from typing import Any

from django import forms
from django.utils.translation import gettext

from billing.domain.credit import PRIORITY_MAX, CreditKind
from billing.domain.money import NANOS_PER_CENT
from billing.services.credit.grant_credit import REASON_CHARACTERS_MAX
from frontend.currency import with_currency
from frontend.lazy import lazy as _
from tenants.money_field import MoneyField

_DECIMAL = {"inputmode": "decimal", "autocomplete": "off"}


class CentsField(MoneyField):
    """Dollars on the page, whole cents in the program."""

    def clean(self, value: Any) -> Any:
        amount = super().clean(value)
        if amount is None:
            return None
        if amount % NANOS_PER_CENT:
            raise forms.ValidationError(gettext("Whole cents, such as 25.00."))
        return amount // NANOS_PER_CENT

    def prepare_value(self, value: Any) -> Any:
        is_ours = isinstance(value, int)
        return super().prepare_value(value * NANOS_PER_CENT if is_ours else value)


class OnceForm(forms.Form):
    """Carries an id, so that a second press does nothing more."""

    form_id = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["form_id"].initial = uuid.uuid4


class TopUpForm(OnceForm):
    amount_cents = CentsField(
        label=with_currency(_("Amount")),
        help_text=_("At least 0.50."),
        widget=forms.TextInput(attrs=_DECIMAL),
    )


class AutoRechargeForm(forms.Form):
    threshold_nanos = MoneyField(
        label=with_currency(_("When so much is left")),
        widget=forms.TextInput(attrs=_DECIMAL),
    )
    amount_cents = CentsField(
        label=with_currency(_("Buy credit of")), widget=forms.TextInput(attrs=_DECIMAL)
    )
    monthly_max_cents = CentsField(
        label=with_currency(_("At most in a month (UTC)")),
        help_text=_("After a declined card it is tried again a day later."),
        widget=forms.TextInput(attrs=_DECIMAL),
    )


class GrantForm(OnceForm):
    amount_nanos = MoneyField(
        label=with_currency(_("Amount")), widget=forms.TextInput(attrs=_DECIMAL)
    )
    kind = forms.ChoiceField(
        label=_("Kind"),
        choices=[
            (CreditKind.PURCHASED.value, _("Bought: the money is here")),
            (CreditKind.PROMOTIONAL.value, _("A gift of ours")),
        ],
    )
    reason = forms.CharField(
        max_length=REASON_CHARACTERS_MAX, help_text=_("The tenant sees it.")
    )
    expires_on = forms.DateField(
        label=_("Expires at the begin of (UTC)"),
        required=False,
        help_text=_("Such as <code>2027-01-01</code>. Empty: never."),
        widget=forms.DateInput(attrs={"autocomplete": "off"}),
    )
    priority = forms.IntegerField(
        required=False,
        min_value=0,
        max_value=PRIORITY_MAX,
        help_text=_("The lowest is spent first. Empty: 10 for gifts, 20 for others."),
    )

    @property
    def expires_at(self) -> datetime | None:
        day: date | None = self.cleaned_data["expires_on"]
        return None if day is None else datetime.combine(day, time(), UTC)


class WithdrawForm(OnceForm):
    amount_nanos = MoneyField(
        label=with_currency(_("Amount")), widget=forms.TextInput(attrs=_DECIMAL)
    )
    reason = forms.CharField(
        max_length=REASON_CHARACTERS_MAX, help_text=_("The tenant sees it.")
    )
