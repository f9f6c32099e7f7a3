"""Where a tenant's owners get mail."""

from tenants.domain.roles import Role
from tenants.models import Tenant


def find_owner_addresses(tenant: Tenant) -> list[str]:
    owners = tenant.members.filter(role=Role.OWNER)
    return list(owners.order_by("pk").values_list("user__email", flat=True))
