"""Set on which terms a tenant is served."""

from django.db import transaction

from tenants.models import Tenant
from tenants.services.publish_key_policies import publish_key_policies


@transaction.atomic
def set_terms(
    *,
    tenant_id: int,
    is_prepaid: bool,
    are_cached_tokens_limited: bool,
    refuses_without_limiter: bool,
) -> bool:
    """True if it changed anything, and then the data plane is told at commit."""
    terms = {
        "is_prepaid": is_prepaid,
        "are_cached_tokens_limited": are_cached_tokens_limited,
        "refuses_without_limiter": refuses_without_limiter,
    }
    changed = Tenant.objects.filter(pk=tenant_id).exclude(**terms).update(**terms)
    if changed:
        transaction.on_commit(publish_key_policies, robust=True)
    return bool(changed)
