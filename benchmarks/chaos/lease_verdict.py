"""Leases in the books, held against their receipts and the calls that bought them."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import TypeVar

from benchmarks.chaos.facts import Event
from benchmarks.chaos.lease_facts import Held, Interval, Lease, LeaseBooks, Receipt
from benchmarks.chaos.operations import Operation
from metering.domain.lease_intervals import Interval as Measured
from metering.domain.lease_intervals import lease_intervals

_Row = TypeVar("_Row", Receipt, Interval)
_Span = tuple[str, int, int, int, int, str]
"""Tier, bytes, begin and end in milliseconds, MB_s, why it is credited."""


def lease_problems(books: LeaseBooks, events: Sequence[Event]) -> list[str]:
    """A sentence for each thing that must not be."""
    intervals = _by_lease(books.intervals)
    receipts = _by_lease(books.receipts)
    bought = {one.lease_id: one for one in events if one.is_billed and one.lease_id}
    return [
        *_gaps(books.receipts),
        *_unmeasured(books.leases, bought),
        *_doubled(intervals),
        *(
            f"lease {held[0]}: {problem}"
            for held, rows in intervals.items()
            for problem in _unbought(rows, bought.get(held[0]))
        ),
        *_otherwise(books.leases, receipts, intervals, bought),
    ]


def broken_promises(operations: Iterable[Operation]) -> list[str]:
    """Clients send all that was said before: a turn in time has all of its lease."""
    return [
        f"req_{one.request_id} paid for tokens that its lease held: {one.previous}"
        for operation in operations
        for one in operation.complete
        if one.previous.get("outcome") == "diverged"
    ]


def continued(operations: Iterable[Operation]) -> int:
    """Turns that paid for their new tokens only."""
    return sum(
        one.previous.get("outcome") == "reused"
        for operation in operations
        for one in operation.complete
        if not one.is_replayed
    )


def _by_lease(rows: Iterable[_Row]) -> dict[Held, list[_Row]]:
    found: dict[Held, list[_Row]] = defaultdict(list)
    for row in rows:
        found[row.held].append(row)
    return found


def _gaps(receipts: Iterable[Receipt]) -> Iterator[str]:
    """Each number of an engine's life once, from 1 on."""
    told: dict[tuple[int, str], Counter[int]] = defaultdict(Counter)
    for row in receipts:
        if not row.is_inferred:
            told[row.engine_id, row.epoch][row.sequence] += 1
    for (engine_id, epoch), numbers in told.items():
        if numbers != Counter(range(1, max(numbers) + 1)):
            yield f"engine {engine_id}, epoch {epoch}: receipts are lost or doubled"


def _unmeasured(leases: Iterable[Lease], bought: Mapping[str, Event]) -> Iterator[str]:
    for lease in leases:
        if lease.is_measured != (lease.lease_id in bought):
            said = "measured" if lease.is_measured else "not measured"
            yield f"lease {lease.lease_id}, {lease.state}: {said}"


def _doubled(intervals: Mapping[Held, Sequence[Interval]]) -> Iterator[str]:
    times = Counter(lease_id for lease_id, _, _ in intervals)
    yield from (f"lease {one} lay in {n} engines" for one, n in times.items() if n > 1)
    for held, rows in intervals.items():
        for before, after in pairwise(rows):
            if after.started_ms < before.ended_ms:
                yield f"lease {held[0]} is charged twice at {after.started_ms}"


def _unbought(rows: Sequence[Interval], event: Event | None) -> Iterator[str]:
    if event is None:
        yield "it is charged, and no call bought it"
        return
    sold_ms = event.lease_expires_at_ms - event.received_at_us // 1000
    if sum(row.ended_ms - row.started_ms for row in rows) > sold_ms:
        yield f"more is charged than the {sold_ms} ms from its call to its sold end"
    for row in rows:
        who = (row.event_id, row.tenant_id, row.api_key_id, row.engine_id)
        call = (event.event_id, event.tenant_id, event.api_key_id, event.engine_id)
        if who != call:
            yield f"it is charged to {who}, and was bought by {call}"


def _otherwise(
    leases: Iterable[Lease],
    receipts: Mapping[Held, Sequence[Receipt]],
    intervals: Mapping[Held, Sequence[Interval]],
    bought: Mapping[str, Event],
) -> Iterator[str]:
    for lease in leases:
        event = bought.get(lease.lease_id)
        found = [_span(row) for row in intervals.get(lease.held, ())]
        if event and found != (wanted := _wanted(receipts[lease.held], event)):
            yield f"lease {lease.lease_id}: {found}, by its receipts {wanted}"


def _wanted(receipts: Sequence[Receipt], event: Event) -> list[_Span]:
    sold_until_ms = event.lease_expires_at_ms
    return list(map(_span, lease_intervals(receipts, sold_until_ms=sold_until_ms)))


def _span(one: Interval | Measured) -> _Span:
    return (
        one.tier,
        one.bytes,
        one.started_ms,
        one.ended_ms,
        one.mb_s,
        one.credit_reason,
    )


def measured_ids(books: LeaseBooks) -> set[tuple[str, int]]:
    """(lease id, engine id) of those whose charge in advance counts no more."""
    return {(one.lease_id, one.engine_id) for one in books.leases if one.is_measured}


def held_nanos(intervals: Iterable[Interval], tenant_id: int) -> Counter[str]:
    """What was held, by the names of the tenant's counters of money; rounded up for
    each month, tier and rate.
    """
    sums: Counter[tuple[str, str, str, int]] = Counter()
    for row in intervals:
        if row.tenant_id == tenant_id and not row.credit_reason:
            group = row.day[:7], row.tier, row.rate_nanos_per_million
            for name in counter_names(tenant_id, row.api_key_id, row.day):
                sums[name, *group] += row.mb_s
    found: Counter[str] = Counter()
    for (name, _, _, rate), mb_s in sums.items():
        found[name] += -(-mb_s * rate // 1_000_000)
    return found


def counter_names(tenant_id: int, api_key_id: int, day: str) -> list[str]:
    """Of what a call of that day counts to, behind the tenant's tag."""
    return [
        "tenant:total",
        *(
            f"{subject}:{span}"
            for subject in (f"tenant:{tenant_id}", f"key:{api_key_id}")
            for span in (f"day:{day}", f"month:{day[:7]}")
        ),
    ]
