"""The secret of an invitation's link, how long it lives, and the mail around it."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from html import escape

LIFETIME = timedelta(days=7)
RESEND_AFTER = timedelta(minutes=1)
"""Between two mails to one address, so that nobody's mailbox is filled."""
OPEN_MAX = 100
"""Open invitations of a tenant."""
_SECRET_BYTES = 32


def make_secret() -> str:
    return secrets.token_urlsafe(_SECRET_BYTES)


def digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


@dataclass(frozen=True, kw_only=True)
class InvitationMail:
    subject: str
    text: str
    html: str


def invitation_mail(
    *, tenant_name: str, role: str, inviter: str, url: str, expires_at: datetime
) -> InvitationMail:
    until = f"{expires_at:%d %B %Y, %H:%M} UTC"
    what = f"{inviter} invites you to {tenant_name} on Tokenfab, as {role}."
    ignore = "If you do not expect this, ignore it: nothing happens."
    text = f"{what}\n\nJoin here, until {until}:\n\n    {url}\n\n{ignore}\n"
    html = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"></head>'
        '<body style="font-family:sans-serif;line-height:1.5">'
        f'<p>{escape(what)}</p><p><a href="{escape(url)}" style="display:inline-block;'
        "padding:10px 18px;background:#0f766e;color:#ffffff;border-radius:6px;"
        f'text-decoration:none">Join {escape(tenant_name)}</a></p>'
        f"<p>The link works until {until}. {ignore}</p></body></html>"
    )
    return InvitationMail(
        subject=f"Join {tenant_name} on Tokenfab", text=text, html=html
    )
