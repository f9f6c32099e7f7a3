"""As whom a user may work: a row for each tenant that the user belongs to."""

from tenants.models import Member, User

TENANT_KEY = "tenant_id"
"""Where a session keeps the id of the tenant that its user chose."""
_MEMBERS_MAX = 100


def list_members_of_user(user: User, *, chosen: int | None) -> list[Member]:
    """The one in the tenant of id `chosen` first, if there is one; then as joined."""
    rows = Member.objects.select_related("tenant").filter(user=user).order_by("pk")
    members = list(rows[:_MEMBERS_MAX])
    return sorted(members, key=lambda member: member.tenant_id != chosen)
