from datetime import datetime

from billing.models.api_access import StaffToken


def revoke_staff_token(name: str, *, now: datetime) -> int:
    """How many tokens of that name stopped working."""
    return StaffToken.objects.filter(name=name, revoked_at__isnull=True).update(
        revoked_at=now
    )
