"""One turn of a leased conversation: which lease it continues, what it asks the engine
to keep, and what came of both.

The guarantee: a turn that arrives in time and begins with the leased tokens pays for
the others only, whatever happened to the cache.
"""

import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec

from inference.domain import lease_terms
from inference.domain.lease_control import EngineLeases
from inference.domain.lease_receipt import Fact, LeaseReceipt, Reason
from inference.domain.lease_row import LeaseRow, LeaseStatus
from inference.domain.lease_terms import LeaseTerms, PreviousLease, Tier
from inference.wire import Route
from metering.domain.leased import split_input
from metering.proxy.errors import RefusedError
from metering.proxy.lease_finding import LeaseFinder, Said
from metering.proxy.lease_listener import EngineSilentError, LeaseListener
from metering.proxy.lease_rows import LeaseRows
from metering.proxy.lease_sale import UNAVAILABLE, LeaseSale, check_room
from metering.proxy.lease_waiting import LeaseWaiting
from metering.proxy.settle import Use
from metering.proxy.transform.lease_fields import (
    AskedLease,
    OnFull,
    public_id,
)
from metering.proxy.upstream import Engine
from metering.proxy.usage import Usage
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

    def listener(self, engine: Engine) -> LeaseListener:
        engine_id = engine.address.engine_id
        known = self._listeners.get(engine_id)
        if known is None or known[0] is not engine:
            known = engine, LeaseListener(engine, engine_key=self._engine_key)
            self._listeners[engine_id] = known
        return known[1]


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
    ) -> None:
        """`said`: for turns that name no lease, and to be found by those after."""
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
        self._previous: LeaseRow | None = None
        self._facts: EngineLeases | None = None
        self._engine: Engine | None = None
        self._lease_id = ""
        self._receipt: LeaseReceipt | None = None
        self._granted: LeaseRow | None = None
        """Sold: the engine granted it and every proxy will find it."""

    @property
    def preferred_engine_id(self) -> int:
        """0: any."""
        return self._previous.engine_id if self._previous is not None else 0

    async def prepare(self, engines: Callable[[], list[Engine]]) -> None:
        """Before the hold. `engines`: those that the turn may go to, the best first.

        Raises RefusedError.
        """
        self._previous = await self._leases.finder.find(
            self._asked, self._said, policy=self._policy, model=self._route.model
        )
        if self._asked.ttl_ms:
            self._check(self._sale.check_price)
        found = engines()
        listeners = [self._leases.listener(engine) for engine in found]
        self._wait(found)
        for one in listeners[1:]:
            one.want()
        try:
            if listeners:
                self._facts = await listeners[0].ready(seconds_max=_READY_SECONDS_MAX)
        except EngineSilentError:
            if self._asked.on_full is OnFull.FAIL:
                raise UNAVAILABLE from None
            return  # the turn itself can do without
        if self._asked.ttl_ms and self._facts is not None:
            facts = self._facts
            self._check(lambda: self._sale.check_engine(facts))
            if self.is_buying and self._asked.on_full is OnFull.FAIL:
                await check_room(listeners[0])

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

    def most_cost_nano_usd(self, tokens: int) -> int:
        """Of a lease of so many tokens, held for all of its time; rounded up."""
        return self._sale.most_cost_nano_usd(tokens, self._facts)

    # The engine's part.

    def terms_for(self, engine: Engine) -> str:
        """Signed, of a new lease each time: an engine takes an id once. Empty: this
        engine tells nothing of leases, so none is asked for.
        """
        self._engine, self._lease_id = engine, ""
        self.stop_waiting()
        facts = self._leases.listener(engine).status
        wants_nothing = not self.is_buying and self._previous is None
        if facts is None or facts.unsupported or wants_nothing:
            return ""
        self._facts = facts
        self._lease_id = secrets.token_hex(16)
        asked, previous = self._asked, self._previous
        terms = LeaseTerms(
            lease_id=self._lease_id,
            tenant_id=str(self._policy.tenant_id),
            engine_id=facts.engine_id,
            tier=asked.tier,
            ttl_ms=0 if asked.tier is Tier.HOST else asked.ttl_ms,
            host_ttl_ms=asked.ttl_ms if self._sale.may_lie_below(facts) else 0,
            value=self._sale.rate or 0,
            previous=PreviousLease(
                lease_id=previous.lease_id,
                tokens=previous.tokens,
                last_hash=previous.last_hash,
            )
            if previous is not None and previous.last_hash
            else None,
            tokens_max=self.tokens_max,
            issued_at_ms=now_ms(),
        )
        return lease_terms.sign(terms, key=self._leases.terms_key)

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
        if receipt.fact is Fact.GRANTED:
            granted = self._row(receipt, self._engine, at_ms)
            if self._said is not None:
                self._leases.finder.note(granted, self._said.digest)
            if await rows.write(granted):
                self._granted = granted

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

    def applied_to(self, use: Use) -> Use:
        """`use` as it is billed."""
        granted, previous = self._granted, self._previous
        usage = msgspec.structs.replace(
            use.usage, leased_input_tokens=self._leased_tokens(use.usage.input_tokens)
        )
        return msgspec.structs.replace(
            use,
            usage=usage,
            lease_id=granted.lease_id if granted else "",
            lease_expires_at_us=granted.expires_at_ms * 1000 if granted else 0,
            lease_cost_nano_usd=self._sale.cost_nano_usd(granted.bytes)
            if granted
            else 0,
            previous_lease_id=previous.lease_id if previous else "",
        )

    def _leased_tokens(self, input_tokens: int) -> int:
        previous = self._previous
        if previous is None or not previous.is_promised(self._received_at_ms):
            return 0
        leased = min(previous.tokens, input_tokens)
        if self._receipt is None:
            return leased  # that nobody could compare them is our fault
        return min(leased, self._receipt.reusable_tokens or 0)

    def headers(self) -> bytes:
        granted = self._granted
        if granted is None:
            return b""
        return (
            b"x-kv-lease-id: %b\r\nx-kv-lease-expires-at: %b\r\n"
            b"x-kv-lease-tokens: %d\r\nx-kv-lease-tier: %b\r\n"
        ) % (
            public_id(granted.lease_id).encode(),
            iso(granted.expires_at_ms).encode(),
            granted.tokens,
            granted.tier.encode(),
        )

    def document(self, usage: Usage) -> dict[str, Any]:
        """The answer's `kv_lease`."""
        granted, receipt = self._granted, self._receipt
        return {
            "id": public_id(granted.lease_id) if granted else None,
            "status": self._status(usage),
            "tokens": granted.tokens if granted else 0,
            "bytes": granted.bytes if granted else 0,
            "tier": granted.tier if granted else None,
            "expires_at": iso(granted.expires_at_ms) if granted else None,
            "verified": granted is not None,
            "reason": self._reason(receipt),
            "previous": self._previous_document(usage),
        }

    def _status(self, usage: Usage) -> str:
        if not self._asked.ttl_ms:
            return "refused" if self._withheld else "none"
        if self._granted is None or self._facts is None:
            receipt = self._receipt
            is_refused = receipt is not None and receipt.fact is Fact.REFUSED
            return "refused" if is_refused else "unverified"
        block_tokens = self._facts.block_tokens
        # The last sampled token has no KV yet, and only full blocks are kept.
        tokens = usage.input_tokens + usage.output_tokens - 1
        if self.tokens_max is not None:
            tokens = min(tokens, self.tokens_max)
        whole = tokens // block_tokens
        is_whole = self._granted.tokens >= whole * block_tokens
        return "granted" if is_whole else "partial"

    def _reason(self, receipt: LeaseReceipt | None) -> str | None:
        if self._withheld:
            return self._withheld
        if receipt is None:
            return "receipt_missing" if self._lease_id else "engine_silent"
        if receipt.fact is Fact.GRANTED and self._granted is None:
            return "not_kept"
        return None if receipt.reason is Reason.NOT_ASKED else receipt.reason

    def _previous_document(self, usage: Usage) -> dict[str, Any] | None:
        previous, receipt = self._previous, self._receipt
        if previous is None:
            return None
        end_ms = previous.ended_at_ms or min(
            self._received_at_ms, previous.expires_at_ms
        )
        split = split_input(
            input_tokens=usage.input_tokens,
            cached_input_tokens=usage.cached_input_tokens,
            leased_input_tokens=usage.leased_input_tokens,
        )
        return {
            "id": public_id(previous.lease_id),
            "outcome": self._outcome(previous, split.leased),
            "held_seconds": max(0, end_ms - previous.granted_at_ms) / 1000,
            "leased_tokens": split.leased,
            "absorbed_tokens": split.absorbed,
            "diverged_at_token": receipt.diverged_at_token if receipt else None,
        }

    def _outcome(self, previous: LeaseRow, leased: int) -> str:
        if previous.status is not LeaseStatus.LIVE:
            return previous.status
        if not previous.is_live(self._received_at_ms):
            return "expired"
        return "reused" if leased >= previous.tokens else "diverged"


def iso(at_ms: int) -> str:
    """RFC 3339, UTC, to the millisecond."""
    at = datetime.fromtimestamp(at_ms / 1000, UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at_ms % 1000:03d}Z"


def now_ms() -> int:
    return time.time_ns() // 1_000_000
