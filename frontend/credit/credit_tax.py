"""What the pages of credit say about tax."""

from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext

from billing.domain.credit_tax import credit_tax_words
from billing.services.invoices.read_parties import read_parties
from billing.services.taxes.quote_tax import preview_tax
from tenants.models import Tenant
from tenants.services.send_letter import write


@dataclass(frozen=True, kw_only=True)
class CreditTax:
    words: str
    asks_for_details: bool
    """The tax depends on where the tenant is, which it did not say."""


def read_credit_tax(tenant: Tenant, *, now: datetime) -> CreditTax:
    """As of today."""
    parties = read_parties(tenant)
    treatment = preview_tax(parties.tax_question(period_end=now))
    words = credit_tax_words(treatment, is_inclusive=parties.seller.is_tax_inclusive)
    return CreditTax(
        words=words.said(gettext, write),
        asks_for_details=parties.profile is None and bool(parties.seller.vat_id),
    )
