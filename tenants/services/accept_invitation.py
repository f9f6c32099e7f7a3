"""Join a tenant by the link of an invitation, once, as the user of its address."""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext

from tenants.errors import InvitationNotFoundError
from tenants.invitation_models import open_invitations
from tenants.models import Member, User
from tenants.services.acting_member import lock_members
from tenants.services.find_invitation import find_invitation
from tenants.services.note_act import note_act


@transaction.atomic
def accept_invitation(*, secret: str, user: User, now: datetime) -> Member:
    """The member as which `user` works from now on; whoever is one already stays as
    they are. Raises InvitationNotFoundError, also for another's invitation.
    """
    invitation = find_invitation(secret, now=now)
    if invitation is None or invitation.email != user.email:
        raise InvitationNotFoundError(gettext("This invitation cannot be used."))
    lock_members(invitation.tenant)
    used = open_invitations().filter(pk=invitation.pk, expires_at__gt=now)
    if not used.update(accepted_at=now):
        raise InvitationNotFoundError(
            gettext("This invitation was used or taken back.")
        )
    member, _ = Member.objects.get_or_create(
        tenant=invitation.tenant,
        user=user,
        defaults={"role": invitation.role, "created_at": now},
    )
    words = f"{user.email} as {member.role}"
    note_act("member.joined", tenant_id=member.tenant_id, about=member, words=words)
    return member
