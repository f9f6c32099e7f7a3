from datetime import datetime

from django.db import transaction

from billing.models.api_access import StaffToken
from tenants.services.note_staff_act import note_staff_act


@transaction.atomic
def revoke_staff_token(name: str, *, now: datetime) -> int:
    """How many tokens of that name stopped working."""
    living = StaffToken.objects.filter(name=name, revoked_at__isnull=True)
    found = list(living.select_for_update())
    for token in found:
        note_staff_act("staff_token.revoked", about=token, words=name)
    return living.filter(pk__in=[token.pk for token in found]).update(revoked_at=now)
