"""Who changes a tenant's members, checked where nobody else changes them too."""

from django.utils.translation import gettext

from tenants.domain.roles import Role, may_set_role
from tenants.errors import LastOwnerError, MemberNotFoundError, RoleNotAllowedError
from tenants.models import Member, Tenant, User


def lock_members(tenant: Tenant) -> None:
    """Acts on members of one tenant come one after the other: the last owner could
    otherwise be removed by two at once, each of whom sees the other.
    """
    Tenant.objects.select_for_update(no_key=True).get(pk=tenant.pk)


def find_member(tenant: Tenant, member_id: int) -> Member:
    """Raises MemberNotFoundError, also for a member of another tenant."""
    rows = Member.objects.select_related("user", "tenant").filter(tenant=tenant)
    if member := rows.filter(pk=member_id).first():
        return member
    raise MemberNotFoundError(gettext("There is no such member."))


def check_may_set_role(
    tenant: Tenant, by: User, *, before: Role | None, after: Role | None
) -> None:
    """Raises RoleNotAllowedError, also where `by` is no member (any more)."""
    row = Member.objects.filter(tenant=tenant, user=by).first()
    if row is None or not may_set_role(Role(row.role), before=before, after=after):
        raise RoleNotAllowedError(gettext("Your role does not allow that."))


def check_owner_remains(member: Member) -> None:
    """Before `member` goes or becomes less. Raises LastOwnerError."""
    owners = Member.objects.filter(tenant_id=member.tenant_id, role=Role.OWNER)
    if member.role == Role.OWNER and not owners.exclude(pk=member.pk).exists():
        raise LastOwnerError(
            gettext("A tenant keeps at least one owner: name another first.")
        )
