"""Write a new e-mail address into the audit log of each tenant of its user."""

from tenants.models import Member, User
from tenants.services.note_act import note_act


def note_changed_address(*, user: User, before: str) -> None:
    """In the transaction of the change. `before`: the address until now."""
    words = f"{before} to {user.email}"
    for member in Member.objects.filter(user=user).order_by("pk"):
        note_act(
            "member.address_changed",
            tenant_id=member.tenant_id,
            about=member,
            words=words,
        )
