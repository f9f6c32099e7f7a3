"""A small pipelining client for Valkey: the calls of one loop turn leave in one write.

redis-py costs more than a whole proxied request; packing and parsing by hiredis and
matching answers in order costs a fifteenth of it under load (ADR 0004).
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import Any, cast
from urllib.parse import unquote, urlsplit

import hiredis

_log = logging.getLogger(__name__)
Reply = Any
"""What hiredis makes of an answer: bytes, int, list, None or hiredis.ReplyError."""

_OUTSTANDING_MAX = 10_000
_RECONNECT_SECONDS = 0.2
_DOUBLINGS_MAX = 2
"""Of the pause between two connections that both brought no answer."""
_LAST_LOOK_SECONDS = 0.005


class ValkeyUnavailableError(Exception):
    """Valkey did not answer in time, or there is no connection to it."""


_UNAVAILABLE = ValkeyUnavailableError()
Callback = Callable[[Reply | ValkeyUnavailableError], None]


def _do_nothing() -> None:
    pass


class Valkey(asyncio.Protocol):
    """One connection. An answer later than `deadline_seconds` drops the connection,
    since answers are matched by order; until it is back, calls fail at once.
    """

    def __init__(self, url: str, *, deadline_seconds: float) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"redis", "valkey"}:
            raise SystemExit(f"VALKEY_URL must begin with redis://, not {parts.scheme}")
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 6379
        self._password = unquote(parts.password or "")
        self._user = unquote(parts.username or "") or "default"
        self._database = parts.path.strip("/") or "0"
        self._deadline_seconds = deadline_seconds
        self._transport: asyncio.Transport | None = None
        self._reader = hiredis.Reader()
        self._unsent: list[bytes] = []
        self._waiting: deque[Callback] = deque()
        self._deadline: asyncio.TimerHandle | None = None
        self._answered = 0
        self._answered_before = 0
        self._failures = 0
        self.on_connected: Callable[[], None] = _do_nothing
        """Called when a connection stands; what it asks goes out first."""
        self.on_lost: Callable[[], None] = _do_nothing
        self._loop = asyncio.get_running_loop()
        self._closing = False

    @property
    def is_connected(self) -> bool:
        return self._transport is not None

    async def keep_connected(self) -> None:
        """Runs for ever: connects, and connects again after a loss.

        Calls fail at once meanwhile, so this is the circuit breaker too: a Valkey that
        takes connections and stays silent is asked ever more rarely.
        """
        while not self._closing:
            if self._transport is None:
                try:
                    await asyncio.wait_for(self._connect(), 2)
                except (OSError, TimeoutError, ValkeyUnavailableError):
                    self._drop()
                    self._failures += 1
            pause = _RECONNECT_SECONDS * 2 ** min(self._failures, _DOUBLINGS_MAX)
            await asyncio.sleep(pause)

    async def _connect(self) -> None:
        await self._loop.create_connection(lambda: self, self._host, self._port)

    def _greeted(self, reply: Reply | ValkeyUnavailableError) -> None:
        if isinstance(reply, hiredis.ReplyError):
            _log.error("Valkey refuses us: %s", reply)
            self._drop()

    def close(self) -> None:
        self._closing = True
        self._drop()

    def call(self, callback: Callback, *arguments: bytes | str | int) -> None:
        """Sends a command; `callback` gets the answer or a ValkeyUnavailableError."""
        self.send(callback, hiredis.pack_command(arguments))  # type: ignore[arg-type]

    def send(self, callback: Callback, packed: bytes) -> None:
        """As `call`, for a command that is packed already."""
        if self._transport is None or len(self._waiting) >= _OUTSTANDING_MAX:
            callback(_UNAVAILABLE)
            return
        if not self._unsent:
            self._loop.call_soon(self._flush)
        self._unsent.append(packed)
        self._waiting.append(callback)
        if self._deadline is None:
            self._arm()

    async def ask(self, *arguments: bytes | str | int) -> Reply:
        """As `call`, awaited. Raises ValkeyUnavailableError, for error replies too."""
        future: asyncio.Future[Reply] = self._loop.create_future()

        def resolve(reply: Reply | ValkeyUnavailableError) -> None:
            if not future.done():
                future.set_result(reply)

        self.call(resolve, *arguments)
        reply = await future
        if isinstance(reply, hiredis.ReplyError):
            raise ValkeyUnavailableError(str(reply))
        if isinstance(reply, ValkeyUnavailableError):
            raise reply
        return reply

    def _flush(self) -> None:
        if self._transport is not None:
            self._transport.write(b"".join(self._unsent))
        self._unsent.clear()

    def _arm(self) -> None:
        self._deadline = self._loop.call_later(
            self._deadline_seconds, self._check, self._answered
        )

    def _check(self, answered_then: int) -> None:
        """One timer for all calls: no answer at all for a whole deadline is too late.

        A single call may thus wait up to twice the deadline while others are answered.
        """
        if self._waiting and self._answered == answered_then:
            # Timers run before reads: a loop that was held up must first look at what
            # has come meanwhile.
            self._deadline = self._loop.call_later(
                _LAST_LOOK_SECONDS, self._give_up, answered_then
            )
        else:
            self._go_on()

    def _give_up(self, answered_then: int) -> None:
        if self._waiting and self._answered == answered_then:
            self._deadline = None
            self._drop()
        else:
            self._go_on()

    def _go_on(self) -> None:
        self._deadline = None
        if self._waiting:
            self._arm()

    def _drop(self) -> None:
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.abort()
            if self._answered == self._answered_before:
                self._failures += 1
            self.on_lost()
        self._unsent.clear()
        self._reader = hiredis.Reader()
        waiting, self._waiting = self._waiting, deque()
        for callback in waiting:
            callback(_UNAVAILABLE)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        # At once: whatever is asked from now on must come behind them.
        if self._password:
            self.call(self._greeted, b"AUTH", self._user, self._password)
        self.call(self._greeted, b"SELECT", self._database)
        self._answered_before = self._answered
        self.on_connected()

    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)
        self._failures = 0
        try:
            self._match_answers()
        except hiredis.ProtocolError as error:
            _log.error("Valkey's answers cannot be told apart: %s", error)
            self._drop()

    def _match_answers(self) -> None:
        while (reply := self._reader.gets()) is not False:
            if not self._waiting:
                raise hiredis.ProtocolError("nobody asked for this one")
            self._answered += 1
            self._waiting.popleft()(reply)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._drop()
