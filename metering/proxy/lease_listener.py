"""What one engine tells of its leases: its status, and receipts as they are written.

One question waits at the engine while anybody here needs its receipts (ADR 0020).
"""

import asyncio
import logging
import time
from collections import OrderedDict
from http import HTTPStatus

import msgspec

from inference.domain.lease_control import EngineLeases, HeldLease, LeaseEvents
from inference.domain.lease_receipt import Fact, LeaseReceipt
from metering.proxy.asking import ask
from metering.proxy.upstream import Engine, question_head

_log = logging.getLogger(__name__)
_PATH = b"/v1/tokenfab/"
_ASK_SECONDS_MAX = 2.0
_WAIT_SECONDS = 20
"""How long a question waits at the engine for news."""
_IDLE_SECONDS = 300.0
"""Without a lease asked for, nobody listens any more."""
_RECEIPTS_MAX = 2_000
"""Of ends of turns, kept for turns that have not asked yet."""
_ENDS_OF_TURNS = frozenset({Fact.GRANTED, Fact.REFUSED})

_read_status = msgspec.json.Decoder(EngineLeases).decode
_read_events = msgspec.json.Decoder(LeaseEvents).decode
_read_receipt = msgspec.json.Decoder(LeaseReceipt).decode
_read_state = msgspec.json.Decoder(HeldLease).decode


class EngineSilentError(Exception):
    """It did not answer, or not with what we asked for."""


class LeaseListener:
    def __init__(self, engine: Engine, *, engine_key: str) -> None:
        self._engine = engine
        self._engine_key = engine_key
        self.status: EngineLeases | None = None
        """Of when listening began; None: it has not."""
        self._receipts: OrderedDict[str, LeaseReceipt] = OrderedDict()
        self._waiting: dict[str, asyncio.Future[LeaseReceipt]] = {}
        self._wanted_at = 0.0
        self._task: asyncio.Task[None] | None = None
        self._begun: asyncio.Future[None] | None = None

    async def ready(self, *, seconds_max: float) -> EngineLeases:
        """Raises EngineSilentError when it does not listen by then."""
        self.want()
        if self.status is None and self._begun is not None:
            try:
                async with asyncio.timeout(seconds_max):
                    await asyncio.shield(self._begun)
            except TimeoutError:
                raise EngineSilentError from None
        if self.status is None:
            raise EngineSilentError
        return self.status

    def want(self) -> None:
        """Listens from now on, if it does not already."""
        self._wanted_at = time.monotonic()
        if self._task is None:
            loop = asyncio.get_running_loop()
            self._begun = loop.create_future()
            self._task = loop.create_task(self._listen(self._begun))

    async def receipt(
        self, lease_id: str, *, seconds_max: float
    ) -> LeaseReceipt | None:
        """How the turn with this new lease ended; None: not told in time."""
        if (told := self._receipts.pop(lease_id, None)) is not None:
            return told
        future = asyncio.get_running_loop().create_future()
        self._waiting[lease_id] = future
        try:
            async with asyncio.timeout(seconds_max):
                found: LeaseReceipt = await future
                return found
        except TimeoutError:
            return None
        finally:
            del self._waiting[lease_id]

    async def _listen(self, begun: asyncio.Future[None]) -> None:
        try:
            status = _read_status(await self._ask(b"GET", b"lease_status"))
            self.status = status
            begun.set_result(None)
            sequence, epoch = status.last_sequence, status.epoch
            while time.monotonic() < self._wanted_at + _IDLE_SECONDS:
                events = await self._events(sequence)
                if events.epoch != epoch:  # its facts may be others now, too
                    status = _read_status(await self._ask(b"GET", b"lease_status"))
                    self.status, epoch, sequence = status, status.epoch, 0
                    continue
                sequence = events.last_sequence
                for receipt in events.receipts:
                    self._take(receipt)
                    sequence = receipt.sequence
        except (EngineSilentError, msgspec.MsgspecError) as error:
            _log.warning("%s tells nothing of leases: %r", self._name, error)
        finally:
            self.status = self._task = None
            if not begun.done():
                begun.set_result(None)

    @property
    def _name(self) -> str:
        return self._engine.address.name

    async def _events(self, sequence: int) -> LeaseEvents:
        question = b"lease_events?sequence=%d&wait_seconds=%d" % (
            sequence,
            _WAIT_SECONDS,
        )
        return _read_events(
            await self._ask(
                b"GET", question, seconds_max=_WAIT_SECONDS + _ASK_SECONDS_MAX
            )
        )

    def _take(self, receipt: LeaseReceipt) -> None:
        if receipt.fact not in _ENDS_OF_TURNS:
            return
        future = self._waiting.get(receipt.lease_id)
        if future is not None:
            if not future.done():
                future.set_result(receipt)
            return
        self._receipts[receipt.lease_id] = receipt
        if len(self._receipts) > _RECEIPTS_MAX:
            self._receipts.popitem(last=False)

    # Questions about one lease, and of the present state.

    async def status_now(self, tenant_id: int) -> EngineLeases:
        """Raises EngineSilentError, as all questions do."""
        question = b"lease_status?tenant_id=%d" % tenant_id
        return _read_status(await self._ask(b"GET", question))

    async def lease(self, lease_id: str, tenant_id: int) -> HeldLease | None:
        """None: the engine holds it no more."""
        answer = await self._ask_of(b"GET", lease_id, tenant_id)
        return _read_state(answer) if answer is not None else None

    async def extend(
        self, lease_id: str, tenant_id: int, *, ttl_ms: int
    ) -> LeaseReceipt | None:
        answer = await self._ask_of(
            b"POST", lease_id, tenant_id, act=b"/extend", more=b"&ttl_ms=%d" % ttl_ms
        )
        return _read_receipt(answer) if answer is not None else None

    async def release(self, lease_id: str, tenant_id: int) -> LeaseReceipt | None:
        answer = await self._ask_of(b"DELETE", lease_id, tenant_id)
        return _read_receipt(answer) if answer is not None else None

    async def _ask_of(
        self,
        method: bytes,
        lease_id: str,
        tenant_id: int,
        *,
        act: bytes = b"",
        more: bytes = b"",
    ) -> bytes | None:
        path = b"leases/%b%b?tenant_id=%d%b" % (
            lease_id.encode(),
            act,
            tenant_id,
            more,
        )
        return await self._ask(method, path, may_be_missing=True) or None

    async def _ask(
        self,
        method: bytes,
        path: bytes,
        *,
        seconds_max: float = _ASK_SECONDS_MAX,
        may_be_missing: bool = False,
    ) -> bytes:
        """The body of the answer; empty for one that is missing."""
        head = question_head(method, _PATH + path, engine_key=self._engine_key)
        try:
            async with asyncio.timeout(seconds_max):
                status, body = await ask(self._engine, head, b"", fresh=True)
        except (OSError, TimeoutError) as error:
            raise EngineSilentError(repr(error)) from None
        if status == HTTPStatus.NOT_FOUND and may_be_missing:
            return b""
        if status != HTTPStatus.OK:
            raise EngineSilentError(f"{path!r} was answered with {status}")
        return body
