"""Issue a staff token; the only moment at which its secret exists on our side."""

from datetime import datetime

from billing.domain import staff_tokens
from billing.models.api_access import StaffToken


def issue_staff_token(*, name: str, now: datetime, expires_at: datetime) -> str:
    """The secret."""
    secret = staff_tokens.make()
    StaffToken.objects.create(
        name=name,
        digest=staff_tokens.digest(secret),
        created_at=now,
        expires_at=expires_at,
    )
    return secret
