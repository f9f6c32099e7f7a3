"""The exact question for one call, and what is made of its answer."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from metering.domain.limits import BUCKET_MS
from metering.proxy.errors import RefusedError
from metering.proxy.limit_counts import LimitCounts
from metering.proxy.limit_hold import Hold, Source
from metering.proxy.limit_plan import Claim, Plan
from metering.proxy.limit_scripts import HOLD
from metering.proxy.limit_store import Run, Store
from metering.proxy.limit_texts import (
    MONEY_UNKNOWN,
    UNAVAILABLE,
    Tightest,
    not_payable,
    rate_limited,
)
from metering.proxy.open_holds import HOLD_MS, UNHEARD, OpenHolds, microseconds_now
from metering.proxy.slices import Slice, Slicer, Slices
from metering.proxy.valkey import Reply, ValkeyUnavailableError
from tenants.wire import LimitKind, RateLimit

_ASKS_MAX = 4
"""Of one call, while slices of others come back."""
_WAIT_SECONDS_MAX = 0.75
_REFUSAL_SECONDS = 0.025
_ADMITTED, _UNKNOWN_MONEY, _SLICES_ARE_OUT = 1, 2, 3
_SLICE_AT = 9
"""Where in an answer a granted slice begins."""
_NO_PLACES: list[str] = []
HoldCallback = Callable[[Hold | RefusedError], None]


class Asker(Protocol):
    counts: LimitCounts
    store: Store
    open: OpenHolds
    slices: Slices
    ended_calls: int

    def new_call_id(self) -> str: ...

    def hold_locally(self, plan: Plan, claim: Claim) -> Hold | RefusedError: ...

    def note_refusal(self, refusal: "RecentRefusal") -> None: ...

    def give_back_places(self, plan: Plan, places: Sequence[str]) -> None: ...


class Asking(Run):
    """The exact question for one call."""

    __slots__ = (
        "_asked_at", "_asker", "_asks", "_call_id", "_callback", "_claim",
        "_ended_calls", "_plan", "_previous", "_returned", "_server", "_slicer",
        "_wants",
    )  # fmt: skip

    def __init__(
        self,
        asker: Asker,
        plan: Plan,
        claim: Claim,
        callback: HoldCallback,
        *,
        slicer: Slicer | None = None,
        previous: Hold | None = None,
    ) -> None:
        super().__init__(asker.store)
        self._asker, self._plan, self._claim = asker, plan, claim
        self._callback = callback
        self._slicer, self._previous = slicer, previous
        self._returned: Slice | None = None
        self._wants = False
        """A slice."""
        self._asks = 0
        self._asked_at = 0.0
        self._server = ""
        self._call_id = ""
        if previous is not None:
            self._call_id = previous.call_id
        elif plan.needs_renewal:
            self._call_id = asker.new_call_id()

    def send(self) -> None:
        plan, claim = self._plan, self._claim
        self._asks += 1
        self._ended_calls = self._asker.ended_calls
        returned: object = 0
        wanted: object = 0
        places = _NO_PLACES
        slicer = self._slicer
        if slicer is not None and self._asks == 1:
            self._asked_at = time.monotonic()
            self._returned = slicer.part_with()
            if self._returned is not None:
                returned = self._returned.give_back()
            wanted = slicer.want(claim, self._asked_at)
            self._wants = wanted != 0
            places = slicer.part_with_places(self._asked_at)
        counts, hold = plan.counts_tokens, self._previous
        ask: tuple[object, ...] = (
            0 if hold is not None else 1,
            claim.least_tokens if counts else 0,
            claim.most_tokens if counts else 0,
            claim.images,
            self._call_id,
            returned,
            wanted,
            0
            if hold is None
            else (
                hold.bucket,
                hold.tokens,
                hold.images,
                hold.member,
                hold.cost_nanos,
            ),
        )
        if plan.needs_renewal:
            costs = (claim.least_cost_nanos, claim.most_cost_nanos)
            self._server = self.store.server
            ask = (*ask, *costs, self._server, HOLD_MS, places)
        self.run(HOLD, plan.call_prefix, ask)

    def done(self, reply: Reply | ValkeyUnavailableError) -> None:
        answer: list[int] | None = reply if isinstance(reply, list) else None
        if self._returned is not None:
            if answer is not None:
                self._returned.booked_bucket = answer[1] // BUCKET_MS
            else:
                self._returned.lose()
            self._returned = None
        if self._slicer is not None and self._wants:
            self._wants = False
            self._note_grant(self._slicer, answer or [])
        if answer is None:
            self._callback(self._without_valkey())
        elif answer[0] == _ADMITTED:
            self._asker.counts.by_valkey += 1
            self._callback(self._held(answer))
        elif answer[0] == _SLICES_ARE_OUT and self._asks < _ASKS_MAX:
            self._ask_again(answer[3])
        else:
            self._callback(self._refused(answer))

    def _without_valkey(self) -> Hold | RefusedError:
        if self._plan.uses_money:
            self._give_back_unheard()
        if self._previous is not None:
            self._asker.counts.unavailable += 1
            return UNAVAILABLE
        return self._asker.hold_locally(self._plan, self._claim)

    def _give_back_unheard(self) -> None:
        """The question may have been answered without our hearing of it."""
        if self._server:
            hold = Hold(self._plan, Source.NOWHERE)
            hold.is_ended = True
            hold.member, hold.cost_nanos = f"{self._call_id}|", UNHEARD
            hold.made_on = self._server
            self._asker.open.spend(hold, 0, microseconds_now())

    def _note_money(self, hold: Hold, cost: int) -> None:
        policy = self._plan.policy
        hold.cost_nanos = cost
        hold.member = f"{self._call_id}|{cost}|{policy.api_key_id}|{policy.project_id}"
        hold.made_on = self._server

    def _note_grant(self, slicer: Slicer, reply: list[int]) -> None:
        if len(reply) <= _SLICE_AT or reply[0] != _ADMITTED:
            self._asker.give_back_places(self._plan, slicer.denied())
            return
        requests, tokens, images, bucket, places = reply[_SLICE_AT:]
        granted = Slice(
            slicer,
            granted=(requests, tokens, images),
            bucket=bucket,
            asked_at=self._asked_at,
            tight=(reply[5], reply[6], reply[7], reply[8]),
        )
        slicer.granted(granted, places=places, asked_at=self._asked_at)
        self._asker.slices.note_grant(slicer)

    def _held(self, reply: list[int]) -> Hold:
        _, now_ms, bucket, tokens, cost, requests, requests_left, *rest = reply
        plan = self._plan
        hold = self._previous or Hold(plan, Source.VALKEY)
        hold.call_id = self._call_id
        if self._slicer is not None:
            hold.places = self._slicer.places
        hold.bucket, hold.held_at_ms = bucket, now_ms
        hold.tokens, hold.images = tokens, self._claim.images
        hold.tightest = Tightest(
            plan, now_ms, (requests, requests_left), (rest[0], rest[1])
        )
        if plan.uses_money:
            self._note_money(hold, cost)
        if plan.needs_renewal:
            self._asker.open.add(hold)
        return hold

    def _refused(self, answer: list[int]) -> RefusedError:
        if answer[0] == _UNKNOWN_MONEY:
            self._asker.counts.money_unknown += 1
            return MONEY_UNKNOWN
        self._asker.counts.by_valkey += 1
        plan, claim = self._plan, self._claim
        if self._previous is None and plan.is_of_rate(answer[2]):
            self._asker.note_refusal(
                RecentRefusal(plan, claim, answer, ended_calls=self._ended_calls)
            )
        return _refused(plan, claim, answer, later_ms=0)

    def _ask_again(self, wait_ms: int) -> None:
        """Slices come back within half a second; until then nobody is refused."""
        seconds = min(_WAIT_SECONDS_MAX, wait_ms / 1000)
        asyncio.get_running_loop().call_later(seconds, self._send_again)

    def _send_again(self) -> None:
        if self.store.is_up:
            self.send()
        else:
            self._callback(self._without_valkey())


class RecentRefusal:
    """An answer that stands for the next moments: who is refused and goes on calling
    would cost Valkey more than who is admitted.
    """

    __slots__ = ("_answer", "_answered_at", "_claim", "_ended_calls", "plan")

    def __init__(
        self, plan: Plan, claim: Claim, answer: list[int], *, ended_calls: int
    ) -> None:
        self.plan = plan
        self._claim, self._answer = claim, answer
        self._ended_calls = ended_calls
        self._answered_at = time.monotonic()

    def repeated(self, claim: Claim, *, ended_calls: int) -> RefusedError | None:
        """None: it is old, a call of this process has ended since, or less is asked."""
        seconds = time.monotonic() - self._answered_at
        if (
            ended_calls != self._ended_calls
            or seconds > min(_REFUSAL_SECONDS, self._answer[3] / 1000)
            or claim.least_tokens < self._claim.least_tokens
            or claim.images < self._claim.images
        ):
            return None
        return _refused(self.plan, claim, self._answer, later_ms=int(seconds * 1000))


def _refused(
    plan: Plan, claim: Claim, answer: list[int], *, later_ms: int
) -> RefusedError:
    _, now_ms, number, wait_ms, available, *rest = answer
    now_ms += later_ms
    limit = plan.limit(number)
    if not isinstance(limit, RateLimit):
        return not_payable(
            limit, claim, available_nanos=available, currency=plan.policy.currency
        )
    if limit.kind in {LimitKind.REQUESTS_PER_DAY, LimitKind.REQUESTS_PER_MONTH}:
        wait_ms = plan.ends_in_ms(limit, now_ms)
    else:
        wait_ms -= later_ms
    resets_ms = max(0, rest[2] - later_ms), max(0, rest[5] - later_ms)
    tightest = Tightest(plan, now_ms, (rest[0], rest[1]), (rest[3], rest[4]), resets_ms)
    return rate_limited(limit, claim, wait_ms=wait_ms, tightest=tightest)
