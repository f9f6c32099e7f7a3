"""Find the tenant that an operator names on a command line."""

import re

from django.db.models import Q

from tenants.errors import TenantAmbiguousError, TenantNotFoundError
from tenants.models import Tenant

_SHOWN_MAX = 10


def find_tenant(wanted: str) -> Tenant:
    """The one tenant whose name or slug is `wanted`, or whose id it gives as `#12`.

    One tenant's slug may be another's name, and strangers choose their names: taking
    the first match would let them stand in for someone. Raises TenantNotFoundError,
    and TenantAmbiguousError when several match.
    """
    by_number = re.fullmatch(r"#(\d{1,18})", wanted)
    condition = (
        Q(pk=int(by_number[1])) if by_number else Q(slug=wanted) | Q(name=wanted)
    )
    found = list(Tenant.objects.filter(condition).order_by("id")[:_SHOWN_MAX])
    if not found:
        raise TenantNotFoundError(f"There is no tenant {wanted!r}.")
    if len(found) > 1:
        choices = ", ".join(f"#{tenant.pk} ({tenant.slug})" for tenant in found)
        raise TenantAmbiguousError(
            f"Several tenants are called {wanted!r}; name one by its number: {choices}."
        )
    return found[0]
