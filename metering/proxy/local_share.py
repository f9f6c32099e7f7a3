"""What one process may admit by itself while Valkey is away.

Each process has its part of every limit, so that all together stay within it. When
Valkey is back, what was used is told to it, as far as it still counts.
"""

from collections.abc import Iterator

from metering.domain.limits import Ask, Correction, Counts, Held, Refused
from metering.proxy.limit_plan import Plan

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

    def report(self) -> Iterator[tuple[str, tuple[object, object]]]:
        """The name of each counter with the settle script's two arguments."""
        for name, window in self._counts.windows.items():
            entries = [(b, *amounts, *_NOTHING) for b, amounts in window.contents()]
            if entries:
                yield name, ((1, 0, ()), (entries, 0, "", 0))
        for name, count in self._counts.counters.items():
            if count:
                yield name, ((0, 1, (_KEEP_SECONDS,)), ((), count, "", 0))

    def forget(self, name: str) -> None:
        """Valkey knows it now."""
        self._counts.windows.pop(name, None)
        self._counts.counters.pop(name, None)

    def forget_running(self) -> None:
        """They are renewed in Valkey."""
        self._counts.running.clear()
