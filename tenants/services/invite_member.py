"""Invite an e-mail address to a tenant; the secret is in the mail and nowhere else."""

from dataclasses import dataclass, field
from datetime import datetime

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.utils.translation import gettext

from tenants.domain import invitations
from tenants.domain.roles import Role
from tenants.errors import InvalidInvitationError
from tenants.invitation_models import Invitation, open_invitations
from tenants.models import Member, Tenant, User
from tenants.services.acting_member import check_may_set_role, lock_members
from tenants.services.note_act import note_act


@dataclass(frozen=True, kw_only=True)
class IssuedInvitation:
    invitation: Invitation
    secret: str = field(repr=False)


@transaction.atomic
def invite_member(
    *, tenant: Tenant, email: str, role: Role, by: User, now: datetime
) -> IssuedInvitation:
    """An invitation that nobody has been told of yet: `send_invitation` does.

    Raises InvalidInvitationError and RoleNotAllowedError.
    """
    address = _checked_address(email)
    lock_members(tenant)
    check_may_set_role(tenant, by, before=None, after=role)
    if Member.objects.filter(tenant=tenant, user__email=address).exists():
        raise InvalidInvitationError(
            gettext("%(address)s is a member already.") % {"address": address}
        )
    # An expired one stands in nobody's way; it is over, and a new one says so.
    of_tenant = open_invitations().filter(tenant=tenant)
    of_tenant.filter(expires_at__lte=now).update(revoked_at=now)
    if of_tenant.count() >= invitations.OPEN_MAX:
        raise InvalidInvitationError(
            gettext("At most %(OPEN_MAX)s invitations are open at once.")
            % {"OPEN_MAX": invitations.OPEN_MAX}
        )
    secret = invitations.make_secret()
    row = Invitation(
        tenant=tenant,
        email=address,
        role=role,
        digest=invitations.digest(secret),
        invited_by=by,
        created_at=now,
        expires_at=now + invitations.LIFETIME,
    )
    _insert(row)
    words = f"{address} as {role.value}"
    note_act("member.invited", tenant_id=tenant.pk, about=row, words=words)
    return IssuedInvitation(invitation=row, secret=secret)


def _insert(row: Invitation) -> None:
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError:
        raise InvalidInvitationError(
            gettext("%(email)s is invited already: send that invitation again.")
            % {"email": row.email}
        ) from None


def _checked_address(email: str) -> str:
    address = User.objects.normalize_email(email.strip()).lower()
    try:
        validate_email(address)
    except ValidationError:
        raise InvalidInvitationError("This is no e-mail address.") from None
    return address
