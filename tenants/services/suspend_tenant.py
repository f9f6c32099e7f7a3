"""Staff refuse all calls of a tenant, with a reason that its owners are told."""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext

from tenants.errors import SuspensionReasonError
from tenants.models import Tenant
from tenants.services.note_act import note_act
from tenants.services.publish_key_policies import publish_key_policies

REASON_CHARACTERS_MAX = 300


@transaction.atomic
def suspend_tenant(*, tenant_id: int, reason: str, now: datetime) -> bool:
    """True if it was not suspended; then the data plane is told at commit. What the
    tenant owes is left alone, and paying lifts nothing of this.

    Raises SuspensionReasonError.
    """
    words = " ".join(reason.split())
    if not words or len(words) > REASON_CHARACTERS_MAX:
        raise SuspensionReasonError(
            gettext("Say why, in 1 to %(REASON_CHARACTERS_MAX)s characters.")
            % {"REASON_CHARACTERS_MAX": REASON_CHARACTERS_MAX}
        )
    going = Tenant.objects.filter(pk=tenant_id, suspended_at=None)
    changed = going.update(suspended_at=now, suspension_reason=words)
    if changed:
        about = Tenant(pk=tenant_id)
        note_act("tenant.suspended", tenant_id=tenant_id, about=about, words=words)
        transaction.on_commit(publish_key_policies, robust=True)
    return bool(changed)
