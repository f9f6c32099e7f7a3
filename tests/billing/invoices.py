"""Issued invoices for tests."""

from datetime import date, datetime

from billing.models.invoices import Invoice
from billing.models.tax_rates import TaxRate
from billing.models.taxes import LegalEntity, TaxProfile
from billing.services.invoices.issue_invoice import issue_invoice
from billing.services.rating.rate_usage import rate_usage
from tenants.models import Tenant
from tests.billing.usage import DECEMBER, draft_of, use

GERMAN_VAT_ID = "DE136695976"
"""Nobody is asked about it; its check digit is right."""


def make_seller(**fields) -> LegalEntity:
    """In Germany, registered for VAT: 19 %, which the migration's row says too, where
    no test has emptied the table.
    """
    TaxRate.objects.get_or_create(
        country="DE",
        effective_from=date(2025, 1, 1),
        defaults={"rate_basis_points": 1900},
    )
    return LegalEntity.objects.create(
        **{
            "name": "Tokens GmbH",
            "number_prefix": "TF",
            "country": "DE",
            "vat_id": GERMAN_VAT_ID,
            **fields,
        }
    )


def make_buyer(tenant: Tenant, seller: LegalEntity, **fields) -> TaxProfile:
    """A consumer in Germany."""
    return TaxProfile.objects.create(
        **{
            "tenant": tenant,
            "legal_entity": seller,
            "name": "Buyer",
            "country": "DE",
            "is_business": False,
            **fields,
        }
    )


def issue_of(
    tenant: Tenant, price, *quantities: int, now: datetime = DECEMBER
) -> Invoice:
    """The issued invoice of November over so many output tokens, input tokens, …"""
    meters = ("output_tokens", "new_input_tokens", "cached_input_tokens")
    for meter, quantity in zip(meters, quantities, strict=False):
        use(tenant, price, quantity, meter=meter)
    rate_usage(now=now)
    return issue_invoice(draft_of(tenant).pk, now=now)
