"""What clients saw, held against what was billed."""

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from benchmarks.chaos.facts import Event
from benchmarks.chaos.lease_facts import LeaseBooks
from benchmarks.chaos.lease_verdict import counter_names, held_nanos, measured_ids
from benchmarks.chaos.operations import Attempt, Operation

_MINUTE_US = 60_000_000


@dataclass(slots=True, kw_only=True)
class Verdict:
    """Lists are of sentences, one for each thing that is wrong."""

    events: int = 0
    billed: int = 0
    lost: list[str] = field(default_factory=list)
    """A client saw the answer complete, and no billed event has its id."""
    duplicated: list[str] = field(default_factory=list)
    """An event stored twice, or more than one charge for one operation."""
    differing: list[str] = field(default_factory=list)
    """The answer said something else than its event."""
    changed: list[str] = field(default_factory=list)
    """A repeated idempotency key showed other bytes than before."""
    unexplained: list[str] = field(default_factory=list)
    """Events of nobody's operation."""

    @property
    def is_clean(self) -> bool:
        return not (
            self.lost
            or self.duplicated
            or self.differing
            or self.changed
            or self.unexplained
        )


def judge(operations: Sequence[Operation], events: Sequence[Event]) -> Verdict:
    verdict = Verdict(events=len(events), billed=sum(one.is_billed for one in events))
    by_id = {one.event_id: one for one in events if one.is_billed}
    times = Counter(one.event_id for one in events)
    verdict.duplicated += [
        f"event {event_id} is stored {count} times"
        for event_id, count in times.items()
        if count > 1
    ]
    for operation in operations:
        _judge_answers(verdict, operation, by_id)
    for api_key_id, of_key in _by_key(events).items():
        mine = [one for one in operations if one.api_key_id == api_key_id]
        _judge_charges(verdict, mine, of_key)
    return verdict


def _judge_answers(
    verdict: Verdict, operation: Operation, by_id: dict[str, Event]
) -> None:
    for attempt in operation.complete:
        event = by_id.get(attempt.request_id)
        if event is None:
            verdict.lost.append(_name(operation, attempt))
        elif difference := _difference(attempt, event):
            verdict.differing.append(f"{_name(operation, attempt)}: {difference}")
    ids = {attempt.request_id for attempt in operation.complete}
    if len(ids) > 1:
        verdict.duplicated.append(f"one key was answered as {', '.join(sorted(ids))}")
    if len({attempt.digest for attempt in operation.complete}) > len(ids):
        verdict.changed.append(_name(operation, operation.complete[-1]))


def _difference(attempt: Attempt, event: Event) -> str:
    said = attempt.said
    assert said is not None
    pairs = {
        "input": (said.input_tokens, event.input_tokens),
        "cached": (said.cached_input_tokens, event.cached_input_tokens),
        "output": (said.output_tokens, event.output_tokens),
        "cost": (said.cost_nanos, event.cost_nanos - event.lease_cost_nanos),
        "lease": (attempt.lease_id, event.lease_id),
        "leased": (attempt.leased_tokens, event.leased_input_tokens),
    }
    return ", ".join(
        f"{name} {told} told, {billed} billed"
        for name, (told, billed) in pairs.items()
        if told != billed
    )


def _judge_charges(
    verdict: Verdict, operations: Sequence[Operation], events: Sequence[Event]
) -> None:
    """A lane does one thing after the other: what its key was charged for a request
    that came in the time of an operation is the charge of that operation.
    """
    starts = [one.started_at_us for one in operations]
    charges: dict[int, list[str]] = defaultdict(list)
    for event in events:
        number = bisect_right(starts, event.received_at_us) - 1
        if number < 0 or event.received_at_us > operations[number].ended_at_us:
            verdict.unexplained.append(f"event {event.event_id}")
        elif event.is_billed:
            charges[number].append(event.event_id)
    for number, ids in charges.items():
        if len(ids) > 1:
            kind = "one key" if operations[number].is_retried else "one call"
            verdict.duplicated.append(
                f"{kind} of {operations[number].path} was charged as {', '.join(ids)}"
            )


def _by_key(events: Iterable[Event]) -> dict[int, list[Event]]:
    found: dict[int, list[Event]] = defaultdict(list)
    for event in events:
        found[event.api_key_id].append(event)
    return found


def _name(operation: Operation, attempt: Attempt) -> str:
    kind = "stream" if operation.is_streamed else "answer"
    key = ", with a key" if operation.is_retried else ""
    again = ", replayed" if attempt.is_replayed else ""
    return f"{kind} req_{attempt.request_id} of {operation.path}{key}{again}"


def drift(
    spent: dict[str, int], events: Sequence[Event], tenant_id: int, *, books: LeaseBooks
) -> list[str]:
    """Counters of Valkey that are not the sum over the tenant's events and leases."""
    measured = measured_ids(books)
    sums = held_nanos(books.intervals, tenant_id)
    for event in events:
        if event.tenant_id == tenant_id and event.is_billed:
            is_measured = (event.lease_id, event.engine_id) in measured
            back = event.lease_cost_nanos if is_measured else 0
            for name in counter_names(tenant_id, event.api_key_id, event.day):
                sums[name] += event.cost_nanos - back
    return [
        f"tenant {tenant_id}, {name}: {spent.get(name, 0)} counted, {amount} billed"
        for name, amount in sums.items()
        if spent.get(name, 0) != amount
    ]


def most_in_a_minute(times_us: Sequence[int]) -> int:
    """Of any sixty seconds; the times ascend."""
    return max(
        (
            number + 1 - bisect_left(times_us, at - _MINUTE_US + 1)
            for number, at in enumerate(times_us)
        ),
        default=0,
    )
