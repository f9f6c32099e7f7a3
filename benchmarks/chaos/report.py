"""What a run found: a table, and what was wrong."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from statistics import median

from benchmarks.chaos.killing import KINDS, Kill
from benchmarks.chaos.lease_verdict import broken_promises, continued, lease_problems
from benchmarks.chaos.operations import Ending, Operation
from benchmarks.chaos.run import Outcome
from benchmarks.chaos.tenants import LIMITS
from benchmarks.chaos.verdict import Verdict, drift, judge, most_in_a_minute

_FINE = {402, 429, 502, 503}
"""Refusals that a limit or a death explains."""


def _seconds(times_us: Sequence[int]) -> str:
    if not times_us:
        return "-"
    return f"{median(times_us) / 1e6:.1f} / {max(times_us) / 1e6:.1f}"


def _recoveries(outcome: Outcome) -> Iterator[str]:
    """Median and longest of seconds from a kill to the next success, by kind."""
    paying = {one.tenant_id for one in outcome.purses}
    answers = sorted(_answers(outcome.operations))
    of_money = sorted(_answers(outcome.operations, of_tenants=paying))
    yield "| killed | times | ready again | next answer | next that money decided |"
    yield "| --- | ---: | ---: | ---: | ---: |"
    for kind in KINDS:
        mine = [one for one in outcome.kills if one.kind == kind]
        back = [one.back_at_us - one.at_us for one in mine if one.back_at_us]
        yield (
            f"| {kind} | {len(mine)} | {_seconds(back)} | "
            f"{_seconds(_waits(mine, answers))} | {_seconds(_waits(mine, of_money))} |"
        )


def _answers(
    operations: Sequence[Operation], *, of_tenants: set[int] | None = None
) -> Iterator[tuple[int, int]]:
    """(begin, end) of attempts that were answered. That the money is used up is an
    answer of who knows the money.
    """
    for operation in operations:
        if of_tenants is not None and operation.tenant_id not in of_tenants:
            continue
        for one in operation.attempts:
            is_answer = one.ending is Ending.COMPLETE and not one.is_replayed
            if is_answer or (of_tenants is not None and one.status == 402):
                yield one.started_at_us, one.ended_at_us


def _waits(kills: Sequence[Kill], answers: Sequence[tuple[int, int]]) -> list[int]:
    """Microseconds to the first end of what began after the kill."""
    found = []
    for kill in kills:
        later = [end for begin, end in answers if begin >= kill.at_us]
        if later:
            found.append(min(later) - kill.at_us)
    return found


def _endings(operations: Sequence[Operation]) -> Iterator[str]:
    attempts = [one for operation in operations for one in operation.attempts]
    counted = Counter(one.ending for one in attempts)
    replayed = sum(
        one.is_replayed and one.ending is Ending.COMPLETE for one in attempts
    )
    yield (
        f"{len(operations):,} operations of clients, {len(attempts):,} requests: "
        f"{counted[Ending.COMPLETE]:,} complete ({replayed:,} of them replays or "
        f"joined), {counted[Ending.LEFT]:,} left by their client, "
        f"{counted[Ending.BROKEN]:,} broken, {counted[Ending.REFUSED]:,} refused."
    )
    refusals = Counter(
        f"{one.status} {one.code}" for one in attempts if one.ending is Ending.REFUSED
    )
    yield "Refusals: " + ", ".join(
        f"{count:,} of `{name}`" for name, count in refusals.most_common()
    )


def lines(outcome: Outcome, *, seed: int) -> Iterator[str]:
    yield (
        f"Seed {seed}, {datetime.now(UTC):%Y-%m-%d}: {len(outcome.kills)} kills in "
        f"{outcome.seconds / 60:.1f} minutes, the start and the counting included.\n"
    )
    yield from _figures(outcome)
    yield "\nSeconds to recovery, median / longest:\n"
    yield from _recoveries(outcome)
    yield ""
    for sentence in (
        *_endings(outcome.operations),
        *_money(outcome),
        *_rate_limits(outcome),
        f"Journals: {outcome.journal}.",
        f"Given up by the supervisor: {', '.join(outcome.given_up) or 'nothing'}.",
    ):
        yield f"- {sentence}"


def problems(outcome: Outcome) -> list[str]:
    """A sentence for each thing that must not be."""
    verdict = judge(outcome.operations, outcome.events)
    found = [
        *(f"the run itself: {one}" for one in outcome.errors),
        *(f"lost: {one}" for one in verdict.lost),
        *(f"duplicated: {one}" for one in verdict.duplicated),
        *(f"differs: {one}" for one in verdict.differing),
        *(f"replayed otherwise: {one}" for one in verdict.changed),
        *(f"unexplained: {one}" for one in verdict.unexplained),
        *(f"overdrawn, {p.name}: {one}" for p in outcome.purses for one in p.overdrawn),
        *(f"counters: {one}" for one in _drifts(outcome)),
        *(f"leases: {one}" for one in lease_problems(outcome.books, outcome.events)),
        *(f"leases: {one}" for one in broken_promises(outcome.operations)),
        *(f"unexpected refusal: {one}" for one in _unexpected(outcome.operations)),
    ]
    if outcome.rolled_up.get("requests", 0) != verdict.billed:
        found.append(f"rolled up: {outcome.rolled_up} for {verdict.billed} events")
    if not continued(outcome.operations) or not outcome.books.intervals:
        found.append("no lease was continued or measured: nothing is proved of them")
    charged = [one.mb_s for one in outcome.books.intervals if not one.credit_reason]
    if outcome.rolled_up.get("hbm_mb_s", 0) != sum(charged):
        found.append(f"rolled up: {outcome.rolled_up} for {sum(charged)} MB_s")
    if not outcome.is_journal_stored:
        found.append("the journal has records that are not stored")
    if not any(one.complete for one in outcome.operations):
        found.append("no answer was complete: nothing is proved")
    return found


def _figures(outcome: Outcome) -> Iterator[str]:
    verdict: Verdict = judge(outcome.operations, outcome.events)
    operations = outcome.operations
    complete = {one.request_id for each in operations for one in each.complete}
    checked = sum(len(one.complete) for one in operations)
    looks = sum(one.looks for one in outcome.purses)
    overdrawn = sum(len(one.overdrawn) for one in outcome.purses)
    wrong_of_leases = lease_problems(outcome.books, outcome.events)
    rows = [
        ("killed", len(outcome.kills)),
        ("completed: answers that a client saw whole", len(complete)),
        ("billed: usage events that are charged", verdict.billed),
        ("lost: complete, and not charged", len(verdict.lost)),
        ("duplicated: stored or charged twice", len(verdict.duplicated)),
        (f"overdrawn, in {looks:,} looks at money", overdrawn),
        (f"other tokens or cost than {checked:,} answers said", len(verdict.differing)),
        ("replays other than the first answer", len(verdict.changed)),
        ("events that no client explains", len(verdict.unexplained)),
        ("counters of money other than the sum of events", len(_drifts(outcome))),
        ("not billed, though an engine worked", verdict.events - verdict.billed),
        ("leases sold", sum(bool(o.lease_id and o.is_billed) for o in outcome.events)),
        ("leases measured", sum(one.is_measured for one in outcome.books.leases)),
        ("turns that a lease paid for", continued(outcome.operations)),
        ("leases measured otherwise, twice or for nobody", len(wrong_of_leases)),
    ]
    yield "| | |"
    yield "| --- | ---: |"
    for name, value in rows:
        yield f"| {name} | {value:,} |"


def _money(outcome: Outcome) -> Iterator[str]:
    for purse in outcome.purses:
        given = "credit" if purse.is_prepaid else "spend limit of a day"
        yield (
            f"{purse.name}: {purse.amount_max_nanos:,} nanos of {given} in "
            f"{purse.tops} steps, {purse.least_left_nanos} at least left by the "
            f"events. {len(purse.below)} looks saw holds of dead processes count twice."
        )


def _rate_limits(outcome: Outcome) -> Iterator[str]:
    for tenant_id, name in outcome.limited.items():
        times = [
            one.received_at_us for one in outcome.events if one.tenant_id == tenant_id
        ]
        yield (
            f"{name}: at most {most_in_a_minute(times)} calls with an event in any "
            f"60 s, of {LIMITS['requests_per_minute']} allowed a minute."
        )


def _drifts(outcome: Outcome) -> list[str]:
    return [
        sentence
        for tenant_id, spent in outcome.spent.items()
        for sentence in drift(spent, outcome.events, tenant_id, books=outcome.books)
    ]


def _unexpected(operations: Sequence[Operation]) -> list[str]:
    return sorted(
        {
            f"{one.status} {one.code} of {operation.path}"
            for operation in operations
            for one in operation.attempts
            if one.ending is Ending.REFUSED
            and one.status not in _FINE
            # With Valkey its row died.
            and one.code != "kv_lease_not_found"
        }
    )
