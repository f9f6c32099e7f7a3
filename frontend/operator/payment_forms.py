"""What operators may type about payments."""

from uuid import uuid4

from django import forms

from billing.services.payments.record_bank_transfer import NOTE_CHARACTERS_MAX
from frontend.currency import with_currency
from frontend.lazy import lazy as _
from frontend.operator.invoice_forms import CentsField


class TransferForm(forms.Form):
    amount = CentsField(
        label=with_currency(_("Amount")),
        widget=forms.TextInput(attrs={"autocomplete": "off", "inputmode": "decimal"}),
    )
    note = forms.CharField(
        label=_("Reference of the transfer"),
        required=False,
        max_length=NOTE_CHARACTERS_MAX,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    key = forms.UUIDField(initial=uuid4, widget=forms.HiddenInput)
    """Makes a second press of the button, or a reload, harmless."""
