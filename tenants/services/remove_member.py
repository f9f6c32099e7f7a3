"""End somebody's being a member; their keys go on unless that is asked for."""

from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from tenants.domain.roles import Role
from tenants.models import ApiKey, Member, Tenant, User
from tenants.services.acting_member import (
    check_may_set_role,
    check_owner_remains,
    find_member,
    lock_members,
)
from tenants.services.note_act import note_act
from tenants.services.revoke_api_key import revoke_api_key


@transaction.atomic
def remove_member(
    *, tenant: Tenant, member_id: int, by: User, with_keys: bool, now: datetime
) -> Member:
    """Anybody may leave; others are removed by whoever may set their role.

    `with_keys`: the keys that they created are revoked too. Raises
    MemberNotFoundError, RoleNotAllowedError and LastOwnerError.
    """
    lock_members(tenant)
    member = find_member(tenant, member_id)
    if member.user_id != by.pk:
        check_may_set_role(tenant, by, before=Role(member.role), after=None)
    check_owner_remains(member)
    if with_keys:
        for api_key in living_keys_of(member, now=now):
            revoke_api_key(api_key_id=api_key.pk, tenant=tenant, now=now)
    words = f"{member.user.email}, {member.role}"
    note_act("member.removed", tenant_id=tenant.pk, about=member, words=words)
    Member.objects.filter(pk=member.pk).delete()
    return member


def living_keys_of(member: Member, *, now: datetime) -> QuerySet[ApiKey]:
    """Those that the member created in this tenant and that still work."""
    rows = ApiKey.objects.filter(tenant=member.tenant, created_by=member.user)
    return rows.filter(revoked_at=None).exclude(expires_at__lte=now).order_by("pk")
