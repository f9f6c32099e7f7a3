"""Take an invitation back: its link stops working."""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext

from tenants.domain.roles import Role
from tenants.errors import InvitationNotFoundError
from tenants.invitation_models import open_invitations
from tenants.models import Tenant, User
from tenants.services.acting_member import check_may_set_role, lock_members
from tenants.services.note_act import note_act


@transaction.atomic
def revoke_invitation(
    *, tenant: Tenant, invitation_id: int, by: User, now: datetime
) -> None:
    """Raises InvitationNotFoundError, also when it was used before, and
    RoleNotAllowedError.
    """
    lock_members(tenant)
    mine = open_invitations().filter(tenant=tenant, pk=invitation_id)
    row = mine.first()
    if row is None:
        raise InvitationNotFoundError(gettext("There is no such invitation."))
    check_may_set_role(tenant, by, before=None, after=Role(row.role))
    if not mine.update(revoked_at=now):
        raise InvitationNotFoundError(gettext("It was used a moment ago."))
    words = f"the invitation of {row.email}"
    note_act("member.uninvited", tenant_id=tenant.pk, about=row, words=words)
