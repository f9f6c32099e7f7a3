"""How much prepaid credit tenants were ever granted, by the books."""

from collections.abc import Collection

from django.db.models import Sum

from billing.domain.postings import AccountKind
from billing.models.ledger import LedgerEntry
from tenants.models import Tenant


def credit_of(tenant: Tenant) -> int:
    """Nano-USD; what is left of it is known to Valkey alone (`read_spend`)."""
    return credits_of([tenant.pk]).get(tenant.pk, 0)


def credits_of(tenant_ids: Collection[int]) -> dict[int, int]:
    """By tenant id; those who were never granted any are left out."""
    rows = (
        LedgerEntry.objects.filter(
            tenant_id__in=tenant_ids, account__kind=AccountKind.CREDIT
        )
        .values_list("tenant_id")
        .annotate(balance=Sum("amount_nano_usd"))
    )
    # The account lies below zero: it is what we owe.
    return {tenant_id: -balance for tenant_id, balance in rows}
