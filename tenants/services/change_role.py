"""Give a member another role."""

from django.db import transaction

from tenants.domain.roles import Role
from tenants.models import Tenant, User
from tenants.services.acting_member import (
    check_may_set_role,
    check_owner_remains,
    find_member,
    lock_members,
)
from tenants.services.note_act import note_act


@transaction.atomic
def change_role(*, tenant: Tenant, member_id: int, role: Role, by: User) -> bool:
    """True if it changed anything. Raises MemberNotFoundError, RoleNotAllowedError
    and LastOwnerError.
    """
    lock_members(tenant)
    member = find_member(tenant, member_id)
    check_may_set_role(tenant, by, before=Role(member.role), after=role)
    if member.role == role:
        return False
    check_owner_remains(member)
    words = f"{member.user.email} from {member.role} to {role.value}"
    member.role = role
    member.save(update_fields=["role"])
    note_act("member.role_changed", tenant_id=tenant.pk, about=member, words=words)
    return True
