"""From the receipts of one lease to the time that is charged.

Every doubt is decided for the tenant: charged is what was held, proven and sold, and no
more; the byte-seconds of an interval are rounded down.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Protocol

from inference.domain.lease_receipt import ENDS, Fact, Reason
from inference.domain.lease_table import HOST_COPY_MS
from inference.domain.lease_terms import GRACE_MS, Tier
from metering.domain.leased import BYTE_MS_PER_MB_S
from metering.domain.usage import Meter

METERS = {
    Tier.HBM.value: Meter.HBM_MB_S,
    Tier.HOST.value: Meter.HOST_MB_S,
    Tier.DISK.value: Meter.DISK_MB_S,
}
"""By tier; nothing is charged in another one."""


_UNSOLD = frozenset({Reason.TURN_WAITS, Reason.BASE_ENDED})
"""A renewal for such a reason sells no time."""


class LeaseFact(Protocol):
    """The fields of a lease receipt that the rule reads."""

    @property
    def sequence(self) -> int: ...
    @property
    def is_inferred(self) -> bool: ...
    @property
    def fact(self) -> str: ...
    @property
    def tier(self) -> str: ...
    @property
    def bytes(self) -> int: ...
    @property
    def at_ms(self) -> int: ...
    @property
    def until_ms(self) -> int: ...
    @property
    def host_until_ms(self) -> int: ...
    @property
    def reason(self) -> str | None: ...


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A time through which a lease lay in one tier, unchanged."""

    tier: str
    bytes: int
    started_ms: int
    """Milliseconds since the epoch."""
    ended_ms: int
    first_sequence: int
    """Of the receipts that prove it."""
    last_sequence: int
    credit_reason: str = ""
    """Why nothing is charged although it was held; empty: it is charged."""

    @property
    def mb_s(self) -> int:
        return self.bytes * (self.ended_ms - self.started_ms) // BYTE_MS_PER_MB_S


def lease_intervals(
    facts: Iterable[LeaseFact], *, sold_until_ms: int
) -> list[Interval]:
    """Of one lease of one engine epoch, in order; none before its end is told, or if
    its grant never was. `facts` may come in any order.

    `sold_until_ms` is what its turn said; a renewal moves it on, unless it was for a
    turn that waited with us. Time between the sold end and a renewal that came in the
    grace is not charged. A lease that an engine lost before its end broke its promise:
    all of its time is credited.
    """
    story = _from_grant_to_end(facts)
    is_for_host = bool(story) and _is_for_host_alone(story[0])
    found: list[Interval] = []
    for before, after in pairwise(story):
        if before.fact == Fact.RENEWED and before.reason not in _UNSOLD:
            sold_until_ms = max(sold_until_ms, before.until_ms - GRACE_MS)
        span = _span(before, after, sold_until_ms)
        if is_for_host and span.tier == Tier.HBM:
            span = replace(span, tier=Tier.HOST.value)
        if found:
            # An engine's clock may go back; no moment is charged twice.
            started_ms = max(span.started_ms, found[-1].ended_ms)
            span = replace(span, started_ms=started_ms)
        if span.ended_ms > span.started_ms and span.tier in METERS:
            _append(found, span)
    if found and (reason := _credit_reason(story[-1], sold_until_ms)):
        return [replace(one, credit_reason=reason) for one in found]
    return found


def _credit_reason(end: LeaseFact, sold_until_ms: int) -> str:
    is_broken = end.fact == Fact.LOST and end.at_ms < sold_until_ms
    return end.reason or Fact.LOST.value if is_broken else ""


def _from_grant_to_end(facts: Iterable[LeaseFact]) -> list[LeaseFact]:
    story: list[LeaseFact] = []
    for fact in sorted(facts, key=lambda one: (one.sequence, one.is_inferred)):
        if story or fact.fact == Fact.GRANTED:
            story.append(fact)
        if story and fact.fact in ENDS:
            return story
    return []


def _span(before: LeaseFact, after: LeaseFact, sold_until_ms: int) -> Interval:
    tier, size = before.tier, before.bytes
    if after.fact != Fact.DEMOTED and after.tier != tier:
        # Its demotion was never told, so it may have been at once.
        tier, size = after.tier, min(size, after.bytes)
    return Interval(
        tier=tier,
        bytes=size,
        started_ms=before.at_ms,
        ended_ms=min(after.at_ms, sold_until_ms, before.until_ms - GRACE_MS),
        first_sequence=before.sequence,
        last_sequence=after.sequence,
    )


def _is_for_host_alone(granted: LeaseFact) -> bool:
    """Such a lease lies in HBM until it is surely copied, longer if it is extended just
    then. That is how engines work, and not what was sold. A lease for both that was
    sold for just so long looks alike, and is charged as this one.
    """
    copied_ms = granted.at_ms + HOST_COPY_MS + GRACE_MS
    return granted.until_ms == copied_ms and granted.host_until_ms > 0


def _append(found: list[Interval], span: Interval) -> None:
    """A renewal alone ends no interval: it would be rounded once more."""
    last = found[-1] if found else None
    if (
        last
        and last.ended_ms == span.started_ms
        and (last.tier, last.bytes) == (span.tier, span.bytes)
    ):
        found[-1] = replace(
            last, ended_ms=span.ended_ms, last_sequence=span.last_sequence
        )
    else:
        found.append(span)
