"""What operators may type about invoices."""

from datetime import UTC, datetime, time
from typing import Any
from uuid import uuid4

from django import forms
from django.utils.translation import gettext

from billing.domain.money import NANOS_PER_CENT, parse_amount
from billing.errors import BillingError
from billing.models.credit_notes import CreditNoteTarget
from billing.services.credit_notes.credit_invoice import REASON_CHARACTERS_MAX
from frontend.currency import with_currency
from frontend.lazy import lazy as _
from tenants.money_field import typed_plainly

_WIDE = {"autocomplete": "off"}


class ReasonForm(forms.Form):
    reason = forms.CharField(
        max_length=REASON_CHARACTERS_MAX,
        help_text=_("The tenant may read it."),
        widget=forms.TextInput(attrs=_WIDE),
    )


class IssueForm(forms.Form):
    until = forms.DateField(
        required=False,
        label=_("Bill what happened before (UTC)"),
        help_text=_("The begin of a day. Empty: the whole month, once it is over."),
        widget=forms.DateInput(attrs={"type": "date"}),
    )

    def clean_until(self) -> datetime | None:
        day = self.cleaned_data["until"]
        return datetime.combine(day, time(), tzinfo=UTC) if day else None


class CentsField(forms.CharField):
    """Units in whole cents, as cents; None for an empty field."""

    def to_python(self, value: Any) -> Any:
        if not value:
            return None
        try:
            cents, rest = divmod(parse_amount(typed_plainly(value)), NANOS_PER_CENT)
        except BillingError as error:
            raise forms.ValidationError(str(error)) from error
        if rest:
            raise forms.ValidationError(gettext("An invoice is in whole cents."))
        return cents

    def run_validators(self, value: Any) -> None:
        """Those of text have nothing to say about an amount."""


class CreditForm(ReasonForm):
    line = forms.ChoiceField(required=False, label=_("Of which line"))
    amount = CentsField(
        required=False,
        label=with_currency(_("How much, without tax")),
        help_text=_(
            "Empty: all that is left. On all lines it is shared in proportion."
        ),
        widget=forms.TextInput(attrs={**_WIDE, "inputmode": "decimal"}),
    )
    target = forms.ChoiceField(
        choices=(
            (CreditNoteTarget.CREDIT.value, _("Credit, to be spent on calls")),
            (CreditNoteTarget.PAYMENT.value, _("Back to where it was paid from")),
        ),
        label=_("What was paid already becomes"),
    )
    key = forms.CharField(max_length=36, initial=uuid4, widget=forms.HiddenInput)

    def __init__(self, *args: object, lines: list[tuple[str, str]]) -> None:
        """`lines`: (id, title) of those of which something is left."""
        super().__init__(*args)  # type: ignore[arg-type]
        field = self.fields["line"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101
        field.choices = [("", gettext("All lines")), *lines]
        self.order_fields(["line", "amount", "target", "reason", "key"])
