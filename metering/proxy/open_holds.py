"""Holds that must be kept alive, and costs that must arrive.

Running calls and money are held until a deadline, which the process moves on for all
that it has open. What a call cost is told until Valkey has confirmed it.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime

from metering.domain import limit_keys
from metering.proxy.limit_hold import Hold
from metering.proxy.limit_plan import Plan
from metering.proxy.limit_scripts import (
    RENEW,
    RENEW_PREFIX,
    SPEND,
    SPEND_PREFIX,
    SWEEP,
    SWEEP_PREFIX,
)
from metering.proxy.limit_store import Run, Store
from metering.proxy.valkey import Reply, ValkeyUnavailableError

HOLD_MS = 15_000
"""A hold whose process does not renew it for so long is over."""
UNHEARD = -1
"""Amount of a money hold that may have been made; its member ends before the amount."""
_RENEW_SECONDS = 5.0
_RETRY_SECONDS = 0.5
_BATCH = 200
_UNSPENT_MAX = 100_000
_UNSURE = "tokenfab:money:unsure"
_DAY_MS = 86_400_000


class OpenHolds:
    def __init__(
        self, store: Store, free_places: Callable[[], list[tuple[Plan, list[str]]]]
    ) -> None:
        self._store, self._free_places = store, free_places
        self._open: dict[Hold, None] = {}
        self._unspent: dict[_Spending, None] = {}
        self._unsure: set[str] = set()
        self._renew_at = self._retry_at = 0.0

    def add(self, hold: Hold) -> None:
        self._open[hold] = None

    def discard(self, hold: Hold) -> None:
        self._open.pop(hold, None)

    def spend(self, hold: Hold, cost_nanos: int, happened_at_us: int) -> None:
        """The money hold stays open until the cost has arrived."""
        spending = _Spending(self, hold, cost_nanos, happened_at_us)
        if len(self._unspent) >= _UNSPENT_MAX:
            self.lose_count(spending)
            return
        self._unspent[spending] = None
        spending.send()

    def arrived(self, spending: "_Spending") -> None:
        self._unspent.pop(spending, None)
        self.discard(spending.hold)

    def lose_count(self, spending: "_Spending") -> None:
        """Told twice it would count twice: the control plane is to count anew."""
        self.arrived(spending)
        self._unsure.add(str(spending.hold.policy.tenant_id))

    def on_up(self) -> None:
        """At once: the store may have lost what it held."""
        self._renew_at = self._retry_at = 0.0
        self.turn(time.monotonic())

    def turn(self, now: float) -> None:
        """Does what is due; called a few times a second while Valkey is there."""
        if now >= self._renew_at:
            self._renew_at = now + _RENEW_SECONDS
            self._renew()
            self._sweep()
        if now >= self._retry_at:
            self._retry_at = now + _RETRY_SECONDS
            for spending in [one for one in self._unspent if not one.is_asking]:
                spending.send()
            if self._unsure:
                unsure, self._unsure = self._unsure, set()
                _Marking(self._store, unsure, self._unsure).send()

    def _renew(self) -> None:
        holds = list(self._open)
        for first in range(0, len(holds), _BATCH):
            _Renewing(self._store, holds[first : first + _BATCH]).send()
        self._renew_free_places()

    def _renew_free_places(self) -> None:
        """Kept for the next calls, they are held as those that run."""
        for plan, free in self._free_places():
            for first in range(0, len(free), _BATCH):
                running = [
                    part
                    for place in free[first : first + _BATCH]
                    for name, _ in plan.bounds.running
                    for part in (name, place)
                ]
                Run(self._store).run(RENEW, RENEW_PREFIX, (HOLD_MS, running, ()))

    def _sweep(self) -> None:
        now = datetime.now(UTC)
        ask = (limit_keys.day_of(now), limit_keys.month_of(now))
        Run(self._store).run(SWEEP, SWEEP_PREFIX, ask)


class _Renewing(Run):
    __slots__ = ("_holds", "_server")

    def __init__(self, store: Store, holds: list[Hold]) -> None:
        super().__init__(store)
        self._holds, self._server = holds, store.server

    def send(self) -> None:
        running: list[str] = []
        money: list[str | int] = []
        for hold in self._holds:
            if not hold.is_ended:
                for name, _ in hold.plan.bounds.running:
                    running += (name, hold.call_id)
            if hold.member:
                policy = hold.policy
                money += (
                    str(policy.tenant_id),
                    hold.member,
                    hold.cost_nanos,
                    str(policy.api_key_id),
                    str(policy.project_id),
                    int(hold.made_on != self._server),
                )
        self.run(RENEW, RENEW_PREFIX, (HOLD_MS, running, money))

    def done(self, reply: Reply | ValkeyUnavailableError) -> None:
        if reply == 1:
            for hold in self._holds:
                hold.made_on = self._server


class _Spending(Run):
    __slots__ = ("_cost", "_happened_at_us", "_holds", "hold", "is_asking")

    def __init__(
        self, holds: OpenHolds, hold: Hold, cost: int, happened_at_us: int
    ) -> None:
        super().__init__(holds._store)  # noqa: SLF001 - the same module
        self._holds, self.hold = holds, hold
        self._cost, self._happened_at_us = cost, happened_at_us
        self.is_asking = False

    def send(self) -> None:
        hold, policy = self.hold, self.hold.policy
        day, month = _dates(hold, self._happened_at_us)
        ask = (
            *(str(policy.tenant_id), str(policy.project_id), str(policy.api_key_id)),
            *(hold.member, hold.cost_nanos, hold.made_on),
            *(self._cost, self._happened_at_us, day, month, self.store.server),
        )
        self.is_asking = True
        self.run(SPEND, SPEND_PREFIX, ask)

    def done(self, reply: Reply | ValkeyUnavailableError) -> None:
        self.is_asking = False
        if reply == 1:
            self._holds.arrived(self)
        elif isinstance(reply, ValkeyUnavailableError) and not self.hold.member:
            self._holds.lose_count(self)


class _Marking:
    """Puts tenants on the list of those to be counted anew."""

    __slots__ = ("_again", "_store", "_tenants")

    def __init__(self, store: Store, tenants: set[str], again: set[str]) -> None:
        self._store, self._tenants, self._again = store, tenants, again

    def send(self) -> None:
        self._store.call(self, "SADD", _UNSURE, *self._tenants)

    def __call__(self, reply: Reply | ValkeyUnavailableError) -> None:
        if not isinstance(reply, int):
            self._again |= self._tenants


def _dates(hold: Hold, at_us: int) -> tuple[str, str]:
    plan = hold.plan
    if 0 < plan.ends_at_ms - at_us // 1000 <= _DAY_MS:
        return plan.day, plan.month
    at = datetime.fromtimestamp(at_us / 1e6, UTC)
    return limit_keys.day_of(at), limit_keys.month_of(at)


def microseconds_now() -> int:
    return time.time_ns() // 1000
