"""How much prepaid credit tenants were ever granted, by the books."""

from collections.abc import Collection

from billing.domain.postings import AccountKind
from billing.services.read_balances import balances_of
from tenants.models import Tenant


def credit_of(tenant: Tenant) -> int:
    """Nano-USD; what is left of it is known to Valkey alone (`read_spend`)."""
    return credits_of([tenant.pk]).get(tenant.pk, 0)


def credits_of(tenant_ids: Collection[int]) -> dict[int, int]:
    """By tenant id; those who were never granted any are left out."""
    # The account lies below zero: it is what we owe.
    found = balances_of(tenant_ids, AccountKind.CREDIT)
    return {tenant_id: -balance for tenant_id, balance in found.items()}
