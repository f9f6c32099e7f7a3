"""Mail an invitation to the address that it is for."""

from datetime import datetime

from tenants.domain.invitations import digest, invitation_mail
from tenants.domain.mail_kinds import MailKind
from tenants.invitation_models import Invitation
from tenants.services.invite_member import IssuedInvitation
from tenants.services.send_letter import send_letter


def send_invitation(issued: IssuedInvitation, *, url: str, now: datetime) -> bool:
    """False: the mail server did not take it; the invitation says that it is unsent.

    Outside of the transaction that made it, since a mail cannot be taken back.
    """
    row = issued.invitation
    mail = invitation_mail(
        tenant_name=row.tenant.name,
        role=row.role,
        inviter=row.invited_by.email if row.invited_by else "A member",
        url=url,
        expires_at=row.expires_at,
    )
    try:
        send_letter(
            kind=MailKind.INVITATION,
            to=[row.email],
            letter=mail,
            language=row.invited_by.language if row.invited_by else "",
            tenant_id=row.tenant_id,
        )
    except OSError:
        return False
    # One that was replaced meanwhile has another digest, and a mail of its own.
    latest = Invitation.objects.filter(pk=row.pk, digest=digest(issued.secret))
    return bool(latest.update(sent_at=now))
