"""What Valkey is told as a tenant's credit."""

from collections.abc import Collection

from django.db.models import Sum

from billing.models.invoices import Invoice
from billing.services.credit.credit_of import credits_of
from billing.services.invoices.read_billed import BILLING


def limiter_credits(tenant_ids: Collection[int]) -> dict[int, int]:
    """Nanos by tenant id; those without grants and invoices may be left out.

    What remains of their grants by the books, and what the calls were charged that
    issued invoices bill. Less all that was ever spent, which is what the data plane
    subtracts, that leaves the remaining credit less the calls on no invoice yet.
    """
    billed = charged_by_invoices(tenant_ids)
    remaining = credits_of(tenant_ids)
    return {
        tenant_id: remaining.get(tenant_id, 0) + billed.get(tenant_id, 0)
        for tenant_id in remaining.keys() | billed.keys()
    }


def charged_by_invoices(tenant_ids: Collection[int]) -> dict[int, int]:
    """What calls were charged that issued invoices bill; a voided one bills nothing."""
    rows = (
        Invoice.objects.filter(tenant_id__in=tenant_ids, status__in=BILLING)
        .order_by()
        .values_list("tenant_id")
        .annotate(charged=Sum("charged_nanos"))
    )
    return {tenant_id: int(charged) for tenant_id, charged in rows}
