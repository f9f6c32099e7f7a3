"""Set on which terms a tenant is served."""

from django.db import transaction

from tenants.models import Tenant
from tenants.services.note_act import note_act
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
        note_act(
            "tenant.terms_set",
            tenant_id=tenant_id,
            about=Tenant(pk=tenant_id),
            words="prepaid" if is_prepaid else "pays after its calls",
        )
        transaction.on_commit(publish_key_policies, robust=True)
    return bool(changed)
