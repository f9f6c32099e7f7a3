"""Limits of keys, projects and tenants: hold before the call, settle by what it used.

All of a call's limits are decided at once, in one script in Valkey; far from them by a
slice; while Valkey is away by this process's share. Money is decided in Valkey only.
"""

import asyncio
import secrets
import time
from collections import OrderedDict
from collections.abc import Sequence
from datetime import UTC, datetime

from metering.domain.limits import Ask, Correction, Held, Refused
from metering.proxy.errors import RefusedError
from metering.proxy.limit_asking import Asking, HoldCallback, RecentRefusal
from metering.proxy.limit_counts import LimitCounts
from metering.proxy.limit_hold import Hold, Source
from metering.proxy.limit_plan import Claim, Plan
from metering.proxy.limit_scripts import SETTLE
from metering.proxy.limit_store import Run, Store
from metering.proxy.limit_texts import (
    UNAVAILABLE,
    RateLimitedError,
    rate_limited,
    refuse_never_fitting,
)
from metering.proxy.local_share import LocalShare, Report
from metering.proxy.open_holds import OpenHolds, microseconds_now
from metering.proxy.slices import Slice, Slicer, Slices, corrected
from metering.proxy.valkey import Reply, Valkey, ValkeyUnavailableError
from tenants.wire import KeyPolicy, RateLimit

__all__ = ["Claim", "Hold", "HoldCallback", "Limits", "RateLimitedError"]
_PLANS_MAX = 2000
"""Those of the keys that called last; 5 kB each with 18 limits."""
_REFUSALS_MAX = 1000
_LEFT_MAX = 1000
"""Plans whose ended calls are told when Valkey is back; others' end by deadline."""
_PLACES_BATCH = 500
_TURN_SECONDS = 0.1
_WINDOW_MS = 60_000


class Limits:
    def __init__(
        self, valkey: Valkey, *, counts: LimitCounts, processes: int = 1
    ) -> None:
        """`processes`: proxies that share the limits, this one included."""
        self._processes = processes
        self.counts = counts
        self._plans: OrderedDict[tuple[int, str, bool], tuple[Plan, Slicer | None]]
        self._plans = OrderedDict()
        self._owner = secrets.token_hex(5)
        self._calls = 0
        self.slices = Slices()
        self._share = LocalShare()
        self._refusals: dict[Plan, RecentRefusal] = {}
        self._left: dict[Plan, list[str]] = {}
        self.ended_calls = 0
        self._reports = 0
        """How often the share's use was told."""
        self.store = Store(valkey, counts, on_up=self._on_up)
        self.open = OpenHolds(self.store, self.slices.free_places)

    def hold(self, policy: KeyPolicy, claim: Claim, callback: HoldCallback) -> None:
        """Claims one request and what `claim` says, all or nothing.

        `most_…` is claimed as far as there is room; a call without an output ceiling
        could otherwise never pass a limit below the model's context.
        """
        plan, slicer = self._plan(policy, claim.model)
        if not plan.needs_hold:
            callback(Hold(plan, Source.NOWHERE))
            return
        refusal = refuse_never_fitting(plan, claim)
        if refusal is not None:
            callback(refusal)
            return
        if slicer is not None:
            hold = slicer.take(claim, time.monotonic())
            if hold is not None:
                self.counts.by_slice += 1
                if plan.needs_place:
                    self.open.add(hold)
                callback(hold)
                return
        if (error := self._refused_again(plan, claim)) is not None:
            self.counts.by_recent_refusal += 1
            callback(error)
        elif self.store.is_up:
            Asking(self, plan, claim, callback, slicer=slicer).send()
        else:
            callback(self.hold_locally(plan, claim))

    def _refused_again(self, plan: Plan, claim: Claim) -> RefusedError | None:
        refusal = self._refusals.get(plan)
        if refusal is None:
            return None
        error = refusal.repeated(claim, ended_calls=self.ended_calls)
        if error is None:
            del self._refusals[plan]
        return error

    def note_refusal(self, refusal: RecentRefusal) -> None:
        if len(self._refusals) >= _REFUSALS_MAX:
            self._refusals.clear()
        self._refusals[refusal.plan] = refusal

    def adjust(self, hold: Hold, claim: Claim, callback: HoldCallback) -> None:
        """Claims anew what is known better now; the request is not counted again.

        When it is refused a hold in Valkey stays as it was, and is still to be voided.
        """
        plan = hold.plan
        if hold.source is Source.NOWHERE:
            callback(hold)
        elif (refusal := refuse_never_fitting(plan, claim)) is not None:
            callback(refusal)
        elif hold.source is Source.VALKEY and self.store.is_up:
            Asking(self, plan, claim, callback, previous=hold).send()
        else:
            self.void(hold)
            self.hold(hold.policy, claim, callback)

    def settle(
        self,
        hold: Hold,
        *,
        tokens: int = 0,
        images: int = 0,
        cost_nanos: int = 0,
        happened_at_us: int = 0,
    ) -> None:
        """The call came to this; the rest of the hold returns. Nobody waits for it.

        `happened_at_us` is that of the usage event, 0: now; the cost is of its day.
        """
        if hold.is_ended:
            return
        self._end(hold, 0, tokens if hold.plan.counts_tokens else 0, images)
        if hold.plan.counts_spend:
            self._spend(hold, cost_nanos, happened_at_us)

    def void(self, hold: Hold) -> None:
        """The call used nothing: all of the hold returns, its request too. Does nothing
        to a hold that has ended.
        """
        if hold.is_ended:
            return
        self._end(hold, -1, 0, 0)
        if hold.member:
            self._spend(hold, 0, 0)

    def _spend(self, hold: Hold, cost_nanos: int, happened_at_us: int) -> None:
        self.open.spend(hold, cost_nanos, happened_at_us or microseconds_now())

    def _end(self, hold: Hold, requests: int, tokens: int, images: int) -> None:
        hold.is_ended = True
        self.ended_calls += 1
        if not hold.member:
            self.open.discard(hold)
        if hold.lender is not None:
            hold.lender.settle(hold, requests, tokens, images)
            if places := _place_left(hold):
                self.give_back_places(hold.plan, places)
        elif hold.source is not Source.NOWHERE and hold.plan.needs_settle:
            self._settle(hold, requests, tokens, images)

    def _settle(self, hold: Hold, requests: int, tokens: int, images: int) -> None:
        plan = hold.plan
        changes = (requests, tokens - hold.tokens, images - hold.images)
        places = _place_left(hold)
        if (
            changes == (0, 0, 0)
            and not places
            and self.store.now_ms() - hold.held_at_ms < _WINDOW_MS
        ):
            return
        lates = (0, tokens, images)
        is_here = hold.source is Source.PROCESS and hold.reports == self._reports
        if self.store.is_up and not is_here:
            entry = (hold.bucket, *changes, *lates)
            ask = ((entry,), requests, places, 0)
            Run(self.store).run(SETTLE, plan.settle_prefix, ask)
        elif is_here:
            self._share.settle(
                plan,
                Correction(hold.bucket, changes, lates),
                requests=requests,
                call_id=hold.call_id,
                now_ms=self.store.now_ms(),
            )
        else:
            self.give_back_places(plan, places)

    def _plan(self, policy: KeyPolicy, model: str) -> tuple[Plan, Slicer | None]:
        # A warming call asks money alone, by the same key.
        place = policy.api_key_id, model, bool(policy.rate_limits)
        found = self._plans.get(place)
        if found is not None:
            self._plans.move_to_end(place)
            plan = found[0]
            if plan.policy is policy and time.time() * 1000 < plan.ends_at_ms:
                return found
            if plan.policy == policy and time.time() * 1000 < plan.ends_at_ms:
                plan.policy = policy  # of a newer snapshot
                return found
        elif len(self._plans) >= _PLANS_MAX:
            self._plans.popitem(last=False)
        now = datetime.now(UTC)
        plan = Plan(policy, model, now=now, processes=self._processes)
        slicer = self.slices.slicer(plan) if plan.may_slice else None
        self._plans[place] = plan, slicer
        return plan, slicer

    def new_call_id(self) -> str:
        self._calls += 1
        return f"{self._owner}-{self._calls:x}"

    # While Valkey is away.

    def hold_locally(self, plan: Plan, claim: Claim) -> Hold | RefusedError:
        if (
            plan.uses_money
            or plan.policy.refuses_without_limiter
            or not self._share.has_room
        ):
            self.counts.unavailable += 1
            return UNAVAILABLE
        self.counts.by_share += 1
        call_id = self.new_call_id()
        counts = plan.counts_tokens
        ask = Ask(
            1,
            claim.least_tokens if counts else 0,
            claim.most_tokens if counts else 0,
            claim.images,
        )
        now_ms = self.store.now_ms()
        held = self._share.hold(plan, ask, call_id, now_ms)
        if not isinstance(held, Held):
            return self._locally_refused(plan, claim, held, now_ms)
        hold = Hold(plan, Source.PROCESS)
        hold.reports = self._reports
        hold.call_id, hold.held_at_ms = call_id, now_ms
        hold.bucket, hold.tokens, hold.images = held.bucket, held.tokens, claim.images
        hold.tightest = self._share.tightest(plan, now_ms)
        if plan.needs_renewal:
            self.open.add(hold)
        return hold

    def _locally_refused(
        self, plan: Plan, claim: Claim, refused: Refused, now_ms: int
    ) -> RefusedError:
        limit = plan.limit(refused.limit + 1)
        if not isinstance(limit, RateLimit):
            return UNAVAILABLE
        wait_ms = refused.wait_ms
        if wait_ms is None:
            wait_ms = plan.ends_in_ms(limit, now_ms)
        tightest = self._share.tightest(plan, now_ms)
        return rate_limited(limit, claim, wait_ms=wait_ms, tightest=tightest)

    def _on_up(self) -> None:
        self.open.on_up()  # first: who runs already comes before who asks
        self._report()
        left, self._left = self._left, {}
        # The store may have lost free places, so none is taken before the next slice.
        for plan, places in (*left.items(), *self.slices.lose_places()):
            self.give_back_places(plan, places)

    def _report(self) -> None:
        """From now on Valkey knows of the holds that were made here."""
        self._reports += 1
        for report in self._share.take_out():
            _Reporting(self, report).run(SETTLE, report.prefix(), report.ask())

    def unreported(self, report: Report) -> None:
        self._share.put_back(report, self.store.now_ms())

    # In the background.

    async def keep_working(self) -> None:
        """Runs for ever: gives slices back, renews holds, tells what was not told."""
        clocks_at = 0.0
        while True:
            now = time.monotonic()
            self.turn(now)
            if now >= clocks_at and self.store.is_up:
                clocks_at = now + _WINDOW_MS / 1000
                self.store.compare_clocks()
            await asyncio.sleep(_TURN_SECONDS)

    def turn(self, now: float) -> None:
        for one in self.slices.dead(now):
            self._give_back(one)
        if not self.store.is_up:
            return
        if self._share.is_used:  # one call was not answered, others are
            self._report()
        for one in self.slices.owing():
            prefix = one.slicer.plan.settle_prefix
            Run(self.store).run(SETTLE, prefix, corrected(one.take_late_use()))
        self.open.turn(now)

    def close(self) -> None:
        """The process ends: what others could use goes back."""
        self.turn(float("inf"))

    def _give_back(self, one: Slice) -> None:
        returned, plan = one.give_back(), one.slicer.plan
        places: Sequence[str] = one.slicer.lose_places()
        if not self.store.is_up:
            self.give_back_places(plan, places)
            places = ()
        ask = ((), returned[4] - returned[1], places, returned)
        _GivingBack(self.store, one).run(SETTLE, plan.settle_prefix, ask)

    def give_back_places(self, plan: Plan, places: Sequence[str]) -> None:
        """Now, or when Valkey is back."""
        if self.store.is_up:
            for first in range(0, len(places), _PLACES_BATCH):
                ask = ((), 0, places[first : first + _PLACES_BATCH], 0)
                Run(self.store).run(SETTLE, plan.settle_prefix, ask)
        elif plan in self._left or len(self._left) < _LEFT_MAX:
            self._left.setdefault(plan, []).extend(places)


def _place_left(hold: Hold) -> tuple[str, ...]:
    """That of an ended call, unless it is kept for the next one."""
    if not hold.plan.needs_place:
        return ()
    if hold.places is not None and hold.places.keep(hold.call_id):
        return ()
    return (hold.call_id,)


class _GivingBack(Run):
    __slots__ = ("_one",)

    def __init__(self, store: Store, one: Slice) -> None:
        super().__init__(store)
        self._one = one

    def done(self, reply: Reply | ValkeyUnavailableError) -> None:
        if isinstance(reply, int):
            self._one.booked_bucket = reply
        else:
            self._one.lose()


class _Reporting(Run):
    __slots__ = ("_limits", "_report")

    def __init__(self, limits: Limits, report: Report) -> None:
        super().__init__(limits.store)
        self._limits, self._report = limits, report

    def done(self, reply: Reply | ValkeyUnavailableError) -> None:
        if not isinstance(reply, int):
            self._limits.unreported(self._report)
