"""Where a tenant's mail about money goes."""

from tenants.domain.roles import Role
from tenants.models import Tenant

_TOLD = (Role.OWNER, Role.BILLING)


def find_payer_addresses(tenant: Tenant) -> list[str]:
    """Of owners, and of the members who are there to pay."""
    payers = tenant.members.filter(role__in=_TOLD)
    return list(payers.order_by("pk").values_list("user__email", flat=True))
