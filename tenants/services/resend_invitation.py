"""Give an open invitation a new link; the one sent before stops working."""

from datetime import datetime

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext

from tenants.domain import invitations
from tenants.domain.roles import Role
from tenants.errors import InvalidInvitationError, InvitationNotFoundError
from tenants.invitation_models import open_invitations
from tenants.models import Tenant, User
from tenants.services.acting_member import check_may_set_role, lock_members
from tenants.services.invite_member import IssuedInvitation
from tenants.services.note_act import note_act


@transaction.atomic
def resend_invitation(
    *, tenant: Tenant, invitation_id: int, by: User, now: datetime
) -> IssuedInvitation:
    """Raises InvitationNotFoundError, InvalidInvitationError, RoleNotAllowedError."""
    lock_members(tenant)
    mine = open_invitations().filter(tenant=tenant, pk=invitation_id)
    row = mine.select_related("tenant").first()
    if row is None:
        raise InvitationNotFoundError(gettext("There is no such invitation."))
    check_may_set_role(tenant, by, before=None, after=Role(row.role))
    secret = invitations.make_secret()
    is_due = Q(sent_at=None) | Q(sent_at__lte=now - invitations.RESEND_AFTER)
    renewed = mine.filter(is_due).update(
        digest=invitations.digest(secret),
        expires_at=now + invitations.LIFETIME,
        sent_at=None,
        invited_by=by,
    )
    if not renewed:
        raise InvalidInvitationError(
            gettext("It was sent a moment ago: wait a minute.")
        )
    row.refresh_from_db()
    note_act("member.invited_again", tenant_id=tenant.pk, about=row, words=row.email)
    return IssuedInvitation(invitation=row, secret=secret)
