"""A tenant's calls, deaths and counts, step by step.

The data plane's part is played by its own scripts, the journal and the shipper are the
real ones; a restart of Valkey is played by taking away what it would lose.
"""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest
import redis

from billing.domain.spend_counters import money_key, total_key
from billing.services.spend.keep_money_seeded import keep_money_seeded
from billing.services.spend.sum_spend import sum_spend
from metering.domain.limit_keys import day_of, month_of
from metering.services import shipped_up_to as shipping
from metering.services.ship_journal import ship_journal
from metering.wire import UsageEvent
from tenants.models import ApiKey
from tests.billing.money import is_known, spenders_of, spent_event, this_month, today
from tests.factories import make_api_key, make_project, make_tenant
from tests.metering.journal import Journal
from tests.metering.proxy.limit_script import Scripts

STEPS = 150
HOLD_MS = 15_000


@dataclass(eq=False)
class Call:
    id: str
    api_key: ApiKey
    held: int
    made_on: str
    cost: int = 0
    happened_at: datetime | None = None
    """None: it still runs."""

    @property
    def member(self) -> str:
        return f"{self.id}|{self.held}|{self.api_key.pk}|{self.api_key.project_id}"


class History:
    held_max = 1_000
    """Nanos of one call."""

    def __init__(self, valkey: redis.Redis, root: Path, seed: int) -> None:
        self.valkey, self.root = valkey, root
        self.chance = random.Random(seed)  # noqa: S311  the same in every run
        self.scripts = Scripts(valkey)
        self.server = valkey.info("server")["run_id"]
        tenant = make_tenant()
        tenant.is_prepaid = True
        tenant.save()
        project, other = (
            make_project(tenant=tenant),
            make_project(tenant=tenant, name="B"),
        )
        owners = (project, project, other)
        self.keys = [make_api_key(project=one)[0] for one in owners]
        self.tenant, self.calls = tenant, list[Call]()
        self.journal = Journal(root / "0")
        self.used = self.made = 0
        self.lives_through = 0
        """How many times Valkey was started."""

    @property
    def now(self) -> datetime:
        return datetime.now(UTC)

    def admit(self) -> None:
        key = self.chance.choice(self.keys)
        self.made += 1
        call = Call(
            id=f"call{self.made}",
            api_key=key,
            held=self.chance.randint(1, self.held_max),
            made_on=f"{self.server}{self.lives_through}",
        )
        names = (str(self.tenant.pk), str(key.project_id), str(key.pk))
        days = (day_of(self.now), month_of(self.now))
        # With a limit far away instead of credit: it is the sums that are tried here.
        fixed: tuple[Any, ...] = (
            0,
            0,
            0,
            1,
            [],
            [],
            (0, *names, *days, [10**15], ["tenant"]),
        )
        ask = (1, 0, 0, 0, call.id, 0, 0, 0, call.held, call.held)
        counters = [f"tokenfab:spent:{{{names[0]}}}:tenant:{names[0]}:month:{days[1]}"]
        answer = self.scripts.run("hold", counters, fixed, (*ask, self.server, HOLD_MS))
        assert answer[0] in {1, 2}
        assert (answer[0] == 1) == is_known(self.valkey, self.tenant)
        if answer[0] == 1:
            self.calls.append(call)

    def one(self, *, ended: bool) -> Call | None:
        found = [call for call in self.calls if bool(call.happened_at) == ended]
        return self.chance.choice(found) if found else None

    def end(self) -> None:
        """The proxy writes the event down, and will tell Valkey."""
        if call := self.one(ended=False):
            call.cost = self.chance.randint(0, call.held)
            call.happened_at = self.now
            self.used += call.cost
            self.journal.append(self.event(call))

    def event(self, call: Call) -> UsageEvent:
        return spent_event(call.api_key, call.cost, at=call.happened_at)

    def settle(self) -> None:
        if call := self.one(ended=True):
            self._settle(call)

    def _settle(self, call: Call) -> None:
        assert call.happened_at
        key = call.api_key
        names = (str(key.tenant_id), str(key.project_id), str(key.pk))
        is_here = call.made_on == f"{self.server}{self.lives_through}"
        ask: tuple[Any, ...] = (
            *(*names, call.member, call.held, self.server if is_here else "before"),
            *(call.cost, int(call.happened_at.timestamp() * 1_000_000)),
            *(day_of(call.happened_at), month_of(call.happened_at), self.server),
        )
        if self.scripts.run("spend", [], ask) == 1:
            self.calls.remove(call)

    def die(self) -> None:
        """A proxy and one of its calls, ended or not: its hold runs out."""
        if call := self.one(ended=self.chance.random() < 0.5):
            self.calls.remove(call)
            self._let_holds_end()

    def _let_holds_end(self) -> None:
        """Those of the living are renewed first."""
        for call in self.calls:
            names = (str(call.api_key.pk), str(call.api_key.project_id))
            money = (str(self.tenant.pk), call.member, call.held, *names, 0)
            self.scripts.run("renew", [], (2 * HOLD_MS, [], money))
        self.scripts.advance(HOLD_MS + 1)
        self.scripts.run("sweep", [], (day_of(self.now), month_of(self.now)))

    def restart(self) -> None:
        """Valkey comes back without holds, and with an older total."""
        self.lives_through += 1
        tag = f"{{{self.tenant.pk}}}"
        self.valkey.delete(f"tokenfab:held:{tag}", f"tokenfab:held:{tag}:sums")
        if self.valkey.exists(money_key(self.tenant.pk)):
            self.valkey.hset(money_key(self.tenant.pk), "server", "before")
        total = int(self.valkey.get(total_key(self.tenant.pk)) or 0)
        self.valkey.set(total_key(self.tenant.pk), self.chance.randint(0, total))

    def ship(self) -> None:
        ship_journal(self.root)

    def count(self) -> None:
        keep_money_seeded()

    def settle_everything(self) -> None:
        for _ in range(len(self.calls)):
            self.end()
        self.ship()
        self.count()
        self.count()
        for call in list(self.calls):
            self._settle(call)
        assert self.calls == []
        self._let_holds_end()

    def held(self) -> int:
        sums = f"tokenfab:held:{{{self.tenant.pk}}}:sums"
        return int(self.valkey.hget(sums, "tenant") or 0)

    def total(self) -> int:
        return int(self.valkey.get(total_key(self.tenant.pk)) or 0)

    def check_counters(self) -> None:
        by_events = sum_spend(self.tenant.pk, until=self.now)
        assert self.total() == self.used
        for key in self.keys:
            for spender in spenders_of(key):
                month = this_month(self.valkey, self.tenant, spender)
                assert month == by_events[spender][None]
                assert today(self.valkey, self.tenant, spender) == month


AnyHistory = TypeVar("AnyHistory", bound=History)


def walk(history: History, steps: dict[Callable[[], None], int]) -> None:
    """`steps`: how often each is taken, beside the others."""
    for _ in range(STEPS):
        (step,) = history.chance.choices(list(steps), list(steps.values()))
        step()
        if not history.lives_through and is_known(history.valkey, history.tenant):
            # Nobody can be admitted on money that is spent already.
            assert history.total() + history.held() >= history.used


@contextmanager
def playing(
    kind: type[AnyHistory], *, valkey: redis.Redis, root: Path, settings: Any
) -> Iterator[Callable[[int], AnyHistory]]:
    """How to begin a history of a seed; the journals are in `root`."""
    settings.JOURNAL_FOLDER = root
    begun: list[AnyHistory] = []

    def begin(seed: int) -> AnyHistory:
        begun.append(kind(valkey, root, seed))
        return begun[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shipping, "WRITE_MARGIN", timedelta(0))
        try:
            yield begin
        finally:
            for history in begun:
                history.journal.close()
