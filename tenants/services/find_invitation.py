"""Find what a link invites to."""

from datetime import datetime

from tenants.domain.invitations import digest
from tenants.invitation_models import Invitation, open_invitations


def find_invitation(secret: str, *, now: datetime) -> Invitation | None:
    """None: there is none, or it is over."""
    rows = open_invitations().select_related("tenant", "invited_by")
    return rows.filter(digest=digest(secret), expires_at__gt=now).first()
