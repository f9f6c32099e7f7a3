"""What remains of the credit that tenants were granted, by the books."""

from collections.abc import Collection

from billing.domain.postings import AccountKind
from billing.services.ledger.read_balances import balances_of
from tenants.models import Tenant


def credit_of(tenant: Tenant) -> int:
    """Nanos that no invoice drew and nothing else took. The cost of calls on no
    invoice is not taken off: Valkey alone knows that (`read_spend`).
    """
    return credits_of([tenant.pk]).get(tenant.pk, 0)


def credits_of(tenant_ids: Collection[int]) -> dict[int, int]:
    """By tenant id; those without any books are left out."""
    # The account lies below zero: it is what we owe.
    found = balances_of(tenant_ids, AccountKind.CREDIT)
    return {tenant_id: -balance for tenant_id, balance in found.items()}
