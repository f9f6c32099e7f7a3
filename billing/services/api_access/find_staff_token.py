from datetime import datetime

from billing.domain import staff_tokens
from billing.models.api_access import StaffToken


def find_staff_token(secret: str, *, now: datetime) -> StaffToken | None:
    """None: there is none, or it was revoked or has expired."""
    return StaffToken.objects.filter(
        digest=staff_tokens.digest(secret), revoked_at__isnull=True, expires_at__gt=now
    ).first()
