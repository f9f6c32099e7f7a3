"""The secret of an invitation's link, how long it lives, and the mail around it."""

import hashlib
import secrets
from datetime import datetime, timedelta

from tenants.domain.letters import Letter, gettext_noop
from tenants.domain.roles import Role

LIFETIME = timedelta(days=7)
RESEND_AFTER = timedelta(minutes=1)
"""Between two mails to one address, so that nobody's mailbox is filled."""
OPEN_MAX = 100
"""Open invitations of a tenant."""
_SECRET_BYTES = 32


_ROLES = {
    Role.OWNER: gettext_noop("owner"),
    Role.ADMIN: gettext_noop("admin"),
    Role.DEVELOPER: gettext_noop("developer"),
    Role.BILLING: gettext_noop("billing"),
    Role.VIEWER: gettext_noop("viewer"),
}


def make_secret() -> str:
    return secrets.token_urlsafe(_SECRET_BYTES)


def digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def invitation_mail(
    *, tenant_name: str, role: str, inviter: str, url: str, expires_at: datetime
) -> Letter:
    return Letter(
        subject=gettext_noop("Join %(tenant)s on Tokenfab", tenant=tenant_name),
        paragraphs=(
            gettext_noop(
                "%(inviter)s invites you to %(tenant)s on Tokenfab, as %(role)s.",
                inviter=inviter,
                tenant=tenant_name,
                role=_ROLES[Role(role)],
            ),
            gettext_noop(
                "Join here, until %(day)s, %(time)s UTC:",
                day=expires_at,
                time=f"{expires_at:%H:%M}",
            ),
            url,
            gettext_noop("If you do not expect this, ignore it: nothing happens."),
        ),
    )
