"""Signing up: besides an address and a password, the currency to pay in."""

from typing import Any

from allauth.account.forms import SignupForm
from allauth.core import context
from django import forms
from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from billing.models.plans import Plan
from billing.models.prices import PriceVersion
from tenants.services.find_invitation import find_invitation
from tenants.services.read_switches import read_switches
from tenants.sign_up import INVITATION_KEY
from tenants.switches_models import SignUps


class SignUpForm(SignupForm):  # type: ignore[misc]  # allauth is untyped
    """Asks for a currency where there is one to choose; who joins a tenant by an
    invitation pays in the tenant's.
    """

    currency = forms.ChoiceField(
        label=_("Currency"),
        required=False,
        help_text=_(
            "Of all prices, credit and invoices. It stays once you were billed."
        ),
    )
    field_order = ("email", "password1", "currency")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        sold_in = _sold_in()
        if len(sold_in) < 2 or INVITATION_KEY in context.request.session:  # noqa: PLR2004
            del self.fields["currency"]
            return
        self.fields["currency"].choices = [(code, code) for code in sold_in]
        self.fields["currency"].initial = settings.DEFAULT_CURRENCY

    def clean_email(self) -> str:
        """While sign-ups are by invitation: of the address that was invited."""
        email: str = super().clean_email()
        if read_switches().sign_ups != SignUps.INVITED:
            return email
        secret = context.request.session.get(INVITATION_KEY, "")
        invitation = find_invitation(secret, now=timezone.now())
        if invitation is None or invitation.email != email.lower():
            raise forms.ValidationError(_("The invitation is for another address."))
        return email


def _sold_in() -> list[str]:
    """The currencies of lists with a price in force, that have the plan to begin on if
    there is one; and the installation's own.
    """
    priced = PriceVersion.objects.in_effect_at(timezone.now()).filter(
        price_book__is_list=True
    )
    codes = set(priced.values_list("price_book__currency", flat=True))
    if first_plans := settings.DEFAULT_PLAN:
        plans = Plan.objects.filter(code__in=first_plans.split(","), withdrawn_at=None)
        codes &= set(plans.values_list("currency", flat=True))
    return sorted(codes | {settings.DEFAULT_CURRENCY})
