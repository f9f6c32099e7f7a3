"""Issue a staff token; the only moment at which its secret exists on our side."""

from datetime import datetime

from django.db import transaction

from billing.domain import staff_tokens
from billing.models.api_access import StaffToken
from tenants.services.note_staff_act import note_staff_act


@transaction.atomic
def issue_staff_token(*, name: str, now: datetime, expires_at: datetime) -> str:
    """The secret."""
    secret = staff_tokens.make()
    token = StaffToken.objects.create(
        name=name,
        digest=staff_tokens.digest(secret),
        created_at=now,
        expires_at=expires_at,
    )
    words = f"{name}, until {expires_at:%Y-%m-%d}"
    note_staff_act("staff_token.issued", about=token, words=words)
    return secret
