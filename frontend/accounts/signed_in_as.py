"""Staff who look at a tenant's pages as one of its members sees them.

The session stays the staff's own: it keeps the member's id and an end, and nothing else
changes. They look and do not touch: no act, no secret, no money, for an hour.
"""

from datetime import datetime, timedelta

from django.contrib.sessions.backends.base import SessionBase

from tenants.models import Member, User

LIFETIME = timedelta(hours=1)
_KEY = "signed_in_as"


def begin(session: SessionBase, member: Member, *, now: datetime) -> None:
    session[_KEY] = {"member": member.pk, "until": (now + LIFETIME).isoformat()}


def end(session: SessionBase, user: User, *, now: datetime) -> Member | None:
    """The member that it was, if it was."""
    member = find(session, user, now=now)
    session.pop(_KEY, None)
    return member


def find(session: SessionBase, user: User, *, now: datetime) -> Member | None:
    """None: `user` is not staff (any more), the hour is over, or the member is gone."""
    kept = session.get(_KEY)
    if kept is None or not user.is_staff:
        return None
    if datetime.fromisoformat(kept["until"]) <= now:
        return None
    rows = Member.objects.select_related("user", "tenant")
    return rows.filter(pk=kept["member"]).first()
