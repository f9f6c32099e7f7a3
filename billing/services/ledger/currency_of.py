"""In which currency all of a tenant's money is."""

from tenants.models import Tenant


def currency_of(tenant_id: int) -> str:
    """Raises Tenant.DoesNotExist."""
    rows = Tenant.objects.values_list("currency", flat=True)
    return rows.get(pk=tenant_id)
