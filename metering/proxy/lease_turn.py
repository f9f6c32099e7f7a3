"""One turn of a leased conversation: which lease it continues, what it asks the engine
to keep, and what came of both.

The guarantee: a turn that arrives in time and begins with the leased tokens pays for
the others only, whatever happened to the cache.
"""

import asyncio
import contextlib
import secrets
import time
from collections.abc import Callable

import msgspec

from inference.domain import lease_terms
from inference.domain.lease_control import EngineLeases
from inference.domain.lease_receipt import Fact, LeaseReceipt, Reason
from inference.domain.lease_row import LeaseRow, LeaseStatus
from inference.domain.lease_terms import LeaseTerms, PreviousLease, Tier
from inference.wire import CachedPromptEntry, Route
from metering.proxy.errors import RefusedError
from metering.proxy.lease_finding import LeaseFinder, Said
from metering.proxy.lease_listener import EngineSilentError, LeaseListener
from metering.proxy.lease_result import TurnResult
from metering.proxy.lease_rows import LeaseRows
from metering.proxy.lease_sale import UNAVAILABLE, LeaseSale, check_room
from metering.proxy.lease_waiting import LeaseWaiting
from metering.proxy.settle import Use
from metering.proxy.transform.lease_fields import AskedLease, OnFull
from metering.proxy.upstream import Engine
from metering.proxy.valkey import Valkey
from metering.wire import PriceVector
from tenants.wire import KeyPolicy

_READY_SECONDS_MAX = 1.0
_RECEIPT_SECONDS_MAX = 0.05
"""For what the engine has written already, at the end of the turn's last step."""


class Leases:
    """What all turns of the process share."""

    def __init__(self, valkey: Valkey, *, engine_key: str) -> None:
        self.rows = LeaseRows(valkey)
        self.finder = LeaseFinder(valkey, self.rows)
        self.terms_key = lease_terms.derive_key(engine_key)
        self._engine_key = engine_key
        self._listeners: dict[int, tuple[Engine, LeaseListener]] = {}
        self._releasing: set[asyncio.Task[None]] = set()

    def listener(self, engine: Engine) -> LeaseListener:
        engine_id = engine.address.engine_id
        known = self._listeners.get(engine_id)
        if known is None or known[0] is not engine:
            known = engine, LeaseListener(engine, engine_key=self._engine_key)
            self._listeners[engine_id] = known
        return known[1]

    def release_soon(self, engine_id: int, lease_id: str, *, tenant_id: int) -> None:
        """Nobody has a use for it any more, and nobody waits: at worst it is held until
        it expires.
        """
        known = self._listeners.get(engine_id)
        if known is not None:
            task = asyncio.create_task(_release(known[1], lease_id, tenant_id))
            self._releasing.add(task)
            task.add_done_callback(self._releasing.discard)


async def _release(listener: LeaseListener, lease_id: str, tenant_id: int) -> None:
    with contextlib.suppress(EngineSilentError):
        await listener.release(lease_id, tenant_id)


class LeaseTurn:
    def __init__(
        self,
        leases: Leases,
        *,
        asked: AskedLease,
        policy: KeyPolicy,
        route: Route,
        price: PriceVector,
        received_at_us: int,
        said: Said | None = None,
        prompt: CachedPromptEntry | None = None,
    ) -> None:
        """`said`: for turns that name no lease, and to be found by those after.
        `prompt`: that the request begins with, in time.
        """
        self._leases = leases
        self._asked = asked
        self._said = said
        self._waiting: LeaseWaiting | None = None
        self._withheld = ""
        """Why no lease is asked for although one was wanted."""
        self.tokens_max: int | None = None
        """To be held of the turn; None: all of it."""
        self._policy = policy
        self._route = route
        self._sale = LeaseSale(asked, price, model=route.model)
        self._received_at_ms = received_at_us // 1000
        self._prompt = prompt
        self._base: PreviousLease | None = None
        """Of the cached prompt, as the terms named it."""
        self._previous: LeaseRow | None = None
        self._facts: EngineLeases | None = None
        self._first_choice: LeaseListener | None = None
        self._engine: Engine | None = None
        self._lease_id = ""
        self._receipt: LeaseReceipt | None = None
        self._granted: LeaseRow | None = None
        """Sold: the engine granted it, and who may use it will find it."""

    @property
    def is_warming(self) -> bool:
        return self._asked.order is not None

    @property
    def is_granted(self) -> bool:
        return self._granted is not None

    @property
    def held_tokens(self) -> dict[int, int]:
        """By engine: how many of the turn's tokens should lie there."""
        placements = self._prompt.placements if self._prompt is not None else ()
        held = {one.engine_id: one.retained_tokens for one in placements}
        previous = self._previous
        if previous is not None:
            there = held.get(previous.engine_id, 0)
            held[previous.engine_id] = max(there, previous.tokens)
        return held

    async def prepare(self, engines: Callable[[], list[Engine]]) -> None:
        """Before the hold. `engines`: those that the turn may go to, the best first.

        Raises RefusedError.
        """
        self._previous = await self._leases.finder.find(
            self._asked, self._said, policy=self._policy, model=self._route.model
        )
        if self._asked.ttl_ms:
            self._check(self._sale.check_price)
        if self._asked.ttl_ms and not self.is_warming:
            self._check(self._sale.check_offered)
        if self.is_buying and self._said is not None and self._said.is_shared:
            await self._claim(self._said)
        found = engines()
        listeners = [self._leases.listener(engine) for engine in found]
        self._wait(found)
        for one in listeners[1:]:
            one.want()
        try:
            if listeners:
                self._facts = await listeners[0].ready(seconds_max=_READY_SECONDS_MAX)
        except EngineSilentError:
            if self._asked.on_full is OnFull.FAIL or self.is_warming:
                raise UNAVAILABLE from None
            return  # the turn itself can do without
        if self._asked.ttl_ms and self._facts is not None:
            facts, self._first_choice = self._facts, listeners[0]
            self._check(lambda: self._sale.check_engine(facts))

    async def check_room(self, input_tokens: int) -> None:
        """Raises RefusedError where a lease of such a prompt has no room. One that
        continues another takes over at least what that held.
        """
        listener, facts = self._first_choice, self._facts
        if listener is None or facts is None or self._previous is not None:
            return
        if self.tokens_max is not None:
            input_tokens = min(input_tokens, self.tokens_max)
        own_tokens = input_tokens - self.free_tokens(input_tokens)
        await check_room(
            listener,
            tenant_id=self._policy.tenant_id,
            blocks=max(1, own_tokens // facts.block_tokens),
        )

    async def _claim(self, said: Said) -> None:
        """Calls at once that share a beginning buy it once."""
        lease_id = self._previous.lease_id if self._previous is not None else ""
        is_ours = await self._leases.finder.claim(said, lease_id, policy=self._policy)
        if not is_ours:
            self.withhold("bought_by_another")

    def _wait(self, engines: list[Engine]) -> None:
        previous = self._previous
        if previous is None or not previous.is_live(self._received_at_ms):
            return
        for engine in engines:
            if engine.address.engine_id == previous.engine_id:
                listener = self._leases.listener(engine)
                self._waiting = LeaseWaiting(previous, listener)

    def stop_waiting(self) -> None:
        """The turn is on its way to the engine, or has ended."""
        if self._waiting is not None:
            self._waiting.stop()
            self._waiting = None

    def _check(self, check: Callable[[], None]) -> None:
        """Raises RefusedError, where the call itself has chosen the lease."""
        try:
            check()
        except RefusedError:
            if self._asked.is_chosen:
                raise
            self.withhold("not_offered")

    @property
    def is_buying(self) -> bool:
        return self._asked.ttl_ms > 0

    @property
    def knows_engine(self) -> bool:
        return self._facts is not None

    def withhold(self, reason: str) -> None:
        """The turn runs, and what it continues is honoured; no lease is bought."""
        self._withheld = reason
        self._asked = msgspec.structs.replace(self._asked, ttl_ms=0)
        self._sale = self._sale.of(self._asked)

    def free_tokens(self, tokens: int) -> int:
        """Of an input of so many: how many are paid for by other means."""
        if self._asked.order is not None:
            return tokens if self._asked.order.is_at_our_cost else 0
        return min(tokens, self._prompt.token_count) if self._prompt is not None else 0

    def most_cost_nanos(self, tokens: int) -> int:
        """Of a lease of a turn with so many tokens, held for all of its time; rounded
        up. A cached prompt that it begins with is in it: it may end before the lease.
        """
        if self.tokens_max is not None:
            tokens = min(tokens, self.tokens_max)
        return self._sale.most_cost_nanos(tokens, self._facts)

    # The engine's part.

    def terms_for(self, engine: Engine) -> str:
        """Signed, of a new lease each time: an engine takes an id once. Empty: this
        engine tells nothing of leases, so none is asked for.
        """
        self._engine, self._lease_id, self._base = engine, "", None
        self.stop_waiting()
        facts = self._leases.listener(engine).status
        reads_nothing = self._previous is None and self._prompt is None
        wants_nothing = not self.is_buying and reads_nothing
        if facts is None or facts.unsupported or wants_nothing:
            return ""
        self._facts = facts
        self._lease_id = secrets.token_hex(16)
        self._base = self._base_on(engine.address.engine_id)
        asked = self._asked
        terms = LeaseTerms(
            lease_id=self._lease_id,
            tenant_id=str(self._policy.tenant_id),
            engine_id=facts.engine_id,
            lease_class=asked.lease_class,
            tier=asked.tier,
            ttl_ms=self._sale.ttl_ms(Tier.HBM, facts),
            host_ttl_ms=self._sale.ttl_ms(Tier.HOST, facts),
            disk_ttl_ms=self._sale.ttl_ms(Tier.DISK, facts),
            value=self._sale.rate or 0,
            previous=self._named_previous,
            base=self._base,
            tokens_max=self.tokens_max,
            issued_at_ms=now_ms(),
        )
        return lease_terms.sign(terms, key=self._leases.terms_key)

    @property
    def _previous_lease_id(self) -> str:
        """Empty: the turn continues none."""
        order = self._asked.order
        found = self._previous if order is None else order.previous
        return found.lease_id if found is not None else ""

    @property
    def _named_previous(self) -> PreviousLease | None:
        if self._asked.order is not None:
            return self._asked.order.previous
        previous = self._previous
        if previous is None or not previous.last_hash:
            return None
        return PreviousLease(
            lease_id=previous.lease_id,
            tokens=previous.tokens,
            last_hash=previous.last_hash,
        )

    def _base_on(self, engine_id: int) -> PreviousLease | None:
        """Of that engine; else of another, whose hash proves the same tokens."""
        placements = self._prompt.placements if self._prompt is not None else ()
        if not placements:
            return None
        found = max(placements, key=lambda one: one.engine_id == engine_id)
        return PreviousLease(
            lease_id=found.lease_id,
            tokens=found.retained_tokens,
            last_hash=found.last_hash,
        )

    async def conclude(self) -> None:
        """The engine has answered: waits for its receipt, and keeps what it says."""
        if self._engine is None or not self._lease_id:
            return
        listener = self._leases.listener(self._engine)
        self._receipt = receipt = await listener.receipt(
            self._lease_id, seconds_max=_RECEIPT_SECONDS_MAX
        )
        if receipt is None:
            return
        at_ms, rows = now_ms(), self._leases.rows
        previous = self._previous
        is_replaced = receipt.fact is Fact.GRANTED or receipt.reason is Reason.NOT_ASKED
        if previous is not None and is_replaced and previous.is_promised(at_ms):
            end_ms = previous.ended_at_ms or at_ms
            await rows.write(previous.ended(LeaseStatus.REUSED, at_ms=end_ms))
            if previous.engine_id != self._engine.address.engine_id:
                self._release(previous.engine_id, previous.lease_id)
        if receipt.fact is Fact.GRANTED:
            granted = self._row(receipt, self._engine, at_ms)
            if self._said is not None:
                self._leases.finder.note(granted, self._said.digest)
            # A cached prompt's is not for a turn to continue: that would end it.
            if self.is_warming or await rows.write(granted):
                self._granted = granted

    def let_go(self) -> None:
        """Of the lease asked for, granted or not: nobody is told of it."""
        if self._engine is not None and self._lease_id:
            self._release(self._engine.address.engine_id, self._lease_id)

    def _release(self, engine_id: int, lease_id: str) -> None:
        tenant_id = self._policy.tenant_id
        self._leases.release_soon(engine_id, lease_id, tenant_id=tenant_id)

    def _row(self, receipt: LeaseReceipt, engine: Engine, at_ms: int) -> LeaseRow:
        return LeaseRow(
            lease_id=receipt.lease_id,
            tenant_id=self._policy.tenant_id,
            project_id=self._policy.project_id,
            model=self._route.model,
            engine_id=engine.address.engine_id,
            epoch=receipt.epoch,
            tokens=receipt.tokens,
            bytes=receipt.bytes,
            last_hash=receipt.last_hash,
            tier=receipt.tier,
            granted_at_ms=at_ms,
            expires_at_ms=at_ms + self._asked.ttl_ms,
        )

    # What came of it.

    @property
    def result(self) -> TurnResult:
        base = self._base
        return TurnResult(
            asked=self._asked,
            received_at_ms=self._received_at_ms,
            facts=self._facts,
            was_asked=bool(self._lease_id),
            receipt=self._receipt,
            granted=self._granted,
            previous=self._previous,
            prompt=self._prompt,
            base_tokens=base.tokens if base is not None else 0,
            withheld=self._withheld,
            tokens_max=self.tokens_max,
        )

    def _most_cost_of(self, granted: LeaseRow) -> int:
        """It pays for what lies beyond its base, and for all once that has ended."""
        most = self._sale.most_cost_nanos(granted.tokens, self._facts)
        return max(most, self._sale.cost_nanos(granted.bytes))

    def applied_to(self, use: Use) -> Use:
        """`use` as it is billed."""
        granted = self._granted
        leased = self.result.leased_tokens(use.usage.input_tokens)
        return msgspec.structs.replace(
            use,
            usage=msgspec.structs.replace(use.usage, leased_input_tokens=leased),
            lease_id=granted.lease_id if granted else "",
            lease_expires_at_us=granted.expires_at_ms * 1000 if granted else 0,
            lease_cost_nanos=self._most_cost_of(granted) if granted else 0,
            previous_lease_id=self._previous_lease_id,
            is_warming=self.is_warming,
            cached_prompt_id=self._prompt.cached_prompt_id if self._prompt else "",
        )


def now_ms() -> int:
    return time.time_ns() // 1_000_000
