"""What a report of a leaked key does: end it for good, or until somebody has looked."""

from django.db import transaction

from tenants.models import LeakResponse, Tenant
from tenants.services.note_act import note_act


@transaction.atomic
def set_leak_response(tenant: Tenant, response: LeakResponse) -> bool:
    """True if it changed anything."""
    others = Tenant.objects.filter(pk=tenant.pk).exclude(on_leak=response)
    if not others.update(on_leak=response):
        return False
    note_act(
        "tenant.leak_response_set",
        tenant_id=tenant.pk,
        about=tenant,
        words=f"keys that leak are {response.value}d",
    )
    return True
