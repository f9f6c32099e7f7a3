"""Which credit grant pays: by priority, then expiry, then age."""

import enum
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple


class CreditKind(enum.StrEnum):
    PURCHASED = "purchased"
    """Paid for."""
    PROMOTIONAL = "promotional"
    """A gift of ours."""


DEFAULT_PRIORITIES = {CreditKind.PURCHASED: 20, CreditKind.PROMOTIONAL: 10}
PRIORITY_MAX = 100
_NEVER = datetime.max.replace(tzinfo=UTC)
_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True, kw_only=True)
class Grant:
    """A credit grant as far as the order of spending asks."""

    grant_id: int
    remaining_nanos: int
    """Not drawn by invoices, not withdrawn, not expired."""
    priority: int
    """The lowest is spent first."""
    granted_at: datetime
    expires_at: datetime | None = None
    """The first instant at which no call may use it; None: there is none."""

    def is_live(self, at: datetime) -> bool:
        return self.expires_at is None or at < self.expires_at


class Share(NamedTuple):
    grant_id: int
    amount_nanos: int


def in_order(grants: Iterable[Grant], *, at: datetime) -> list[Grant]:
    """As they are spent at `at`.

    Those that have expired come before all others: what they have left was used by
    calls before their end, and pays for these alone.
    """
    return sorted(
        grants,
        key=lambda one: (
            one.is_live(at),
            one.priority,
            one.expires_at or _NEVER,
            one.granted_at,
            one.grant_id,
        ),
    )


def allocate(
    grants: Iterable[Grant], amount_nanos: int, *, at: datetime
) -> list[Share]:
    """Who pays `amount_nanos` at `at`, as far as there is anything left; nobody's
    share is nothing.
    """
    shares = []
    for grant in in_order(grants, at=at):
        share = min(grant.remaining_nanos, amount_nanos)
        if share > 0:
            shares.append(Share(grant.grant_id, share))
            amount_nanos -= share
    return shares


def consumed_before_expiry(
    expiring: Grant, others: Iterable[Grant], *, unbilled_nanos: int
) -> int:
    """The part of what `expiring` has left that calls before its end used.

    `unbilled_nanos` is the cost of the calls until then that no issued invoice
    bills. It goes through the order of that time: a grant given later pays none of it,
    one that expires at the same instant is still alive, and of one that expired before
    the rest is gone already.
    """
    end = expiring.expires_at
    if end is None:
        return expiring.remaining_nanos
    pool = [one for one in (*others, expiring) if one.granted_at < end]
    shares = allocate(pool, unbilled_nanos, at=end - _INSTANT)
    return dict(shares).get(expiring.grant_id, 0)
