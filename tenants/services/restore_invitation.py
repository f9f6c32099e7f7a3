"""Let an invitation that was taken back hold after all: its link works again."""

from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils.translation import gettext

from tenants.domain.roles import Role
from tenants.errors import InvalidInvitationError, InvitationNotFoundError
from tenants.invitation_models import Invitation
from tenants.models import Member, Tenant, User
from tenants.services.acting_member import check_may_set_role, lock_members
from tenants.services.note_act import note_act


@transaction.atomic
def restore_invitation(
    *, tenant: Tenant, invitation_id: int, revoked_at: datetime, by: User
) -> Invitation:
    """Undoes the taking back of that moment. Raises InvitationNotFoundError,
    InvalidInvitationError when the address was invited or joined meanwhile, and
    RoleNotAllowedError.
    """
    lock_members(tenant)
    mine = Invitation.objects.filter(tenant=tenant, pk=invitation_id)
    row = mine.filter(revoked_at=revoked_at).first()
    if row is None:
        raise InvitationNotFoundError(gettext("There is no such invitation."))
    check_may_set_role(tenant, by, before=None, after=Role(row.role))
    if Member.objects.filter(tenant=tenant, user__email=row.email).exists():
        raise InvalidInvitationError(
            gettext("%(email)s is a member already.") % {"email": row.email}
        )
    row.revoked_at = None
    try:
        with transaction.atomic():
            row.save(update_fields=["revoked_at"])
    except IntegrityError:
        raise InvalidInvitationError(
            gettext("%(email)s is invited already.") % {"email": row.email}
        ) from None
    words = f"the invitation of {row.email}"
    note_act("member.invitation_restored", tenant_id=tenant.pk, about=row, words=words)
    return row
