"""What one process may admit by itself while Valkey is away.

Each process has its part of every limit, so that all together stay within it. When
Valkey is back, what was used is told to it, as far as it still counts.
"""

from typing import NamedTuple

from metering.domain.limits import (
    KINDS,
    UNLIMITED,
    Ask,
    Correction,
    Counts,
    Held,
    Refused,
    Triple,
    Window,
)
from metering.proxy.limit_plan import Plan
from metering.proxy.limit_scripts import SETTLE
from metering.proxy.limit_texts import Tightest

_COUNTERS_MAX = 50_000
"""Names of each sort; above it further keys are refused until Valkey is back."""
_NOTHING = (0, 0, 0)
_KEEP_SECONDS = 40 * 86400


class LocalShare:
    def __init__(self) -> None:
        self._counts = Counts()

    @property
    def has_room(self) -> bool:
        counts = self._counts
        return max(len(counts.windows), len(counts.counters)) < _COUNTERS_MAX

    def hold(self, plan: Plan, ask: Ask, call_id: str, now_ms: int) -> Held | Refused:
        """A refusal's `limit` counts from 0."""
        return self._counts.hold(plan.share, ask, call_id=call_id, now_ms=now_ms)

    def settle(
        self,
        plan: Plan,
        correction: Correction,
        *,
        requests: int,
        call_id: str,
        now_ms: int,
    ) -> None:
        self._counts.settle(
            plan.share, correction, requests=requests, call_id=call_id, now_ms=now_ms
        )

    def tightest(self, plan: Plan, now_ms: int) -> Tightest:
        """Of this process's part."""
        found = {"requests": (2.0, 0, 0), "tokens": (2.0, 0, 0)}

        def look(sort: str, number: int, amount: int, used: int) -> None:
            left = max(0, amount - used)
            part = left / amount if amount else 0.0
            found[sort] = min(found[sort], (part, number, left))

        windows, counters, _ = plan.share
        for at, (name, (requests, tokens, _)) in enumerate(windows):
            window = self._counts.windows.get(name)
            sums = window.sums if window is not None else (0, 0)
            if requests != UNLIMITED:
                look("requests", KINDS * at + 1, requests, sums[0])
            if tokens != UNLIMITED:
                look("tokens", KINDS * at + 2, tokens, sums[1])
        for at, (name, amount) in enumerate(counters, start=KINDS * len(windows) + 1):
            look("requests", at, amount, self._counts.counters.get(name, 0))
        of_requests, of_tokens = found["requests"][1:], found["tokens"][1:]
        return Tightest(plan, now_ms, of_requests, of_tokens)

    @property
    def is_used(self) -> bool:
        return bool(self._counts.windows or self._counts.counters)

    def take_out(self) -> list["Report"]:
        """All that was used since the last time; the share begins anew."""
        counts, self._counts = self._counts, Counts()
        return [
            Report(name, window.contents(), 0)
            for name, window in counts.windows.items()
            if window.contents()
        ] + [
            Report(name, [], count) for name, count in counts.counters.items() if count
        ]

    def put_back(self, report: "Report", now_ms: int) -> None:
        """It was not heard."""
        counts = self._counts
        if report.buckets:
            window = counts.windows.setdefault(report.name, Window(now_ms))
            for bucket, amounts in report.buckets:
                window.add(bucket, amounts)
        if report.requests:
            requests = counts.counters.get(report.name, 0) + report.requests
            counts.counters[report.name] = requests


class Report(NamedTuple):
    """What Valkey is to be told of one counter."""

    name: str
    buckets: list[tuple[int, Triple]]
    requests: int

    def prefix(self) -> bytes:
        fixed = (1, 0, ()) if self.buckets else (0, 1, (_KEEP_SECONDS,))
        return SETTLE.prefix((self.name,), fixed)

    def ask(self) -> tuple[object, ...]:
        entries = [(b, *amounts, *_NOTHING) for b, amounts in self.buckets]
        return entries, self.requests, (), 0
