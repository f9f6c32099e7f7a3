"""Who sells to whom, as far as tax depends on it."""

from datetime import UTC, datetime, timedelta

from billing.domain.taxes import TaxQuestion
from billing.models.taxes import LegalEntity, TaxProfile


def find_tax_question(
    tenant_id: int, *, seller: LegalEntity, period_end: datetime
) -> TaxQuestion:
    """As of now, with the rates of the last day that is billed. A tenant without
    billing details did not say where it is.
    """
    buyer = TaxProfile.objects.filter(tenant_id=tenant_id).first()
    return TaxQuestion(
        seller_country=seller.country,
        seller_vat_id=seller.vat_id,
        buyer_country=buyer.country if buyer else "",
        buyer_vat_id=buyer.vat_id if buyer else "",
        buyer_is_business=buyer.is_business if buyer else False,
        on=(period_end - timedelta(microseconds=1)).astimezone(UTC).date(),
    )
