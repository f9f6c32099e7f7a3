"""Connections to one engine: a pool of kept-alive ones, and a strict reader of answers.

The engine is ours, but a broken one must not break the proxy: whatever does not read
as HTTP/1.1 with a length or chunks ends the connection with InvalidAnswerError.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Literal, Protocol, cast

from inference.wire import EngineAddress
from metering.proxy.chunks import ChunkedBody
from metering.proxy.engine_choice import Pace
from metering.proxy.settings import (
    ANSWER_BYTES_MAX,
    ENGINE_IDLE_CONNECTIONS_MAX,
    ENGINE_IDLE_SECONDS_MAX,
    HEAD_BYTES_MAX,
)
from metering.proxy.usage import InvalidAnswerError
from metering.proxy.usage_tap import StreamTap

_READ_HIGH_BYTES = 256 * 1024
_FAILURES_TO_PAUSE = 5
"""More than the tries of one call: a single poisonous request pauses no engine."""
_PAUSE_SECONDS_MAX = 30.0
_LENGTH_DIGITS_MAX = 12
HTTP_OK = 200
HTTP_FAILED = 500
_Framing = Literal["", "sized", "chunked", "stream"]
"""How an answer ends; empty: its head has not come whole yet."""


class Receiver(Protocol):
    """What gets the answer to one request."""

    tap: StreamTap | None
    """None: a whole answer is wanted."""

    def on_stream_begun(self) -> None:
        """The head of a chunked 200 answer to a streamed call came."""

    def on_stream(self, ready: bytes) -> None:
        """More of the stream may be forwarded, or `tap.ended` became true."""

    def on_whole_answer(self, status: int, body: bytes) -> None: ...

    def on_engine_lost(self, error: Exception) -> None:
        """The connection ended, or what came made no sense."""


class EngineConnection(asyncio.Protocol):
    __slots__ = (
        "_buffer",
        "_chunked",
        "_engine",
        "_framing",
        "_is_reusable",
        "_length",
        "_parts",
        "_read_bytes",
        "_receiver",
        "_status",
        "_transport",
        "idle_since",
    )

    def __init__(self, engine: "Engine") -> None:
        self._engine = engine
        self._receiver: Receiver | None = None
        self._read_nothing_yet()
        self.idle_since = 0.0

    def _read_nothing_yet(self) -> None:
        self._framing: _Framing = ""
        self._buffer = b""  # a head that came in part
        self._length = self._status = self._read_bytes = 0
        self._parts: list[bytes] = []
        self._chunked: ChunkedBody | None = None
        self._is_reusable = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def send(self, receiver: Receiver, head: bytes, body: bytes) -> None:
        self._receiver = receiver
        self._read_nothing_yet()
        self._transport.writelines((head, body))

    def pause(self) -> None:
        self._transport.pause_reading()

    def resume(self) -> None:
        self._transport.resume_reading()

    def stop(self) -> None:
        """Asks the engine to stop as `abort` does, but still takes what it has sent by
        then: those tokens are made and counted.
        """
        self._is_reusable = False  # the answer may still end as if nothing were
        if self._transport.can_write_eof():
            self._transport.write_eof()

    def abort(self) -> None:
        """Stops the engine's work on the present request: vLLM sees the close."""
        self._receiver = None
        self._transport.abort()

    def release(self) -> None:
        """Back to the pool, unused."""
        self._engine.put_back(self)

    def data_received(self, data: bytes) -> None:
        if self._receiver is None:  # bytes that nobody asked for
            self._engine.forget(self)
            self._transport.abort()
            return
        try:
            self._read(self._receiver, data)
        except InvalidAnswerError as error:
            self._fail(error)

    def _read(self, receiver: Receiver, data: bytes) -> None:
        if self._framing == "stream" and receiver.tap is not None:
            self._read_stream(receiver, receiver.tap, data)
            return
        if not self._framing:
            data = self._buffer + data if self._buffer else data
            end = data.find(b"\r\n\r\n", 0, HEAD_BYTES_MAX)
            if end < 0:
                if len(data) >= HEAD_BYTES_MAX:
                    raise InvalidAnswerError("the head is too long")
                self._buffer = data
                return
            self._framing = self._read_head(receiver, data[:end])
            data = data[end + 4 :]
            if self._framing == "stream" and receiver.tap is not None:
                receiver.on_stream_begun()
                if data:
                    self._read_stream(receiver, receiver.tap, data)
                return
        self._read_whole(receiver, data)

    def _read_head(self, receiver: Receiver, head: bytes) -> _Framing:
        status_line, *lines = head.split(b"\r\n")
        version, _, rest = status_line.partition(b" ")
        if version != b"HTTP/1.1" or not rest[:3].isdigit():
            raise InvalidAnswerError("no HTTP/1.1 status line")
        self._status = int(rest[:3])
        fields: dict[bytes, bytes] = {}
        for line in lines:
            name, _, value = line.partition(b":")
            fields[name.lower()] = value.strip()
        self._is_reusable = fields.get(b"connection", b"").lower() != b"close"
        if fields.get(b"transfer-encoding", b"").lower() == b"chunked":
            if receiver.tap is not None and self._status == HTTP_OK:
                return "stream"
            self._chunked = ChunkedBody()
            return "chunked"
        length = fields.get(b"content-length", b"")
        if length.isdigit() and len(length) <= _LENGTH_DIGITS_MAX:
            self._length = int(length)
            return "sized"
        raise InvalidAnswerError("neither a length nor chunks")

    def _read_stream(self, receiver: Receiver, tap: StreamTap, data: bytes) -> None:
        ready = tap.feed(data)
        if tap.ended:
            self._finish()
        if ready or tap.ended:
            receiver.on_stream(ready)

    def _read_whole(self, receiver: Receiver, data: bytes) -> None:
        self._read_bytes += len(data)
        if self._read_bytes > ANSWER_BYTES_MAX:
            raise InvalidAnswerError("the answer is too long")
        if self._chunked is not None:
            body = self._chunked.feed(data)
        else:
            body = self._read_sized(data)
        if body is not None:
            self._parts, self._chunked = [], None  # an idle connection keeps no answer
            self._finish()
            receiver.on_whole_answer(self._status, body)

    def _read_sized(self, data: bytes) -> bytes | None:
        """The body once it is whole: joined once, since a long one has many reads."""
        if self._read_bytes > self._length:
            raise InvalidAnswerError("more bytes than the length says")
        self._parts.append(data)
        return b"".join(self._parts) if self._read_bytes == self._length else None

    def _finish(self) -> None:
        """The answer ended exactly at its framing."""
        self._receiver = None
        if self._is_reusable:
            self._engine.put_back(self)
        else:
            self._transport.abort()

    def _fail(self, error: Exception) -> None:
        receiver, self._receiver = self._receiver, None
        self._transport.abort()
        if receiver is not None:
            receiver.on_engine_lost(error)

    def connection_lost(self, exc: Exception | None) -> None:
        self._engine.forget(self)
        if self._receiver is not None:
            self._fail(exc or ConnectionResetError("the engine closed the connection"))


class Engine:
    """One engine as this process sees it: address, health, load, idle connections."""

    def __init__(self, address: EngineAddress, *, connect_seconds: float) -> None:
        self.address = address
        self.is_healthy = False
        self.calls = 0
        """In flight from this process."""
        self.pace = Pace()
        self._failures = self._pauses = 0
        self._is_tried = False
        self._paused_until = 0.0
        self._connect_seconds = connect_seconds
        # Last in, first out: the longest idle ones age and are closed.
        self._idle: dict[EngineConnection, None] = {}
        self._connecting: set[asyncio.Task[None]] = set()

    def admits(self) -> bool:
        """Healthy, and not paused after failures in a row."""
        return self.is_healthy and (
            self._failures < _FAILURES_TO_PAUSE
            or time.monotonic() >= self._paused_until
        )

    def begin(self) -> None:
        """A call goes there; after a pause it is the only one until it has ended."""
        self.calls += 1
        if self._failures >= _FAILURES_TO_PAUSE:
            self._is_tried = True
            self._pause()

    def failed(self) -> None:
        self._failures += 1
        # Many calls may be lost at once: only the one that tried makes a pause longer.
        is_first = self._failures == _FAILURES_TO_PAUSE
        if is_first or self._is_tried:
            self._is_tried = False
            self._pauses += 1
            self._pause()

    def succeeded(self) -> None:
        """It works again, or was started anew."""
        self._failures = self._pauses = 0
        self._is_tried = False

    def _pause(self) -> None:
        # Bounded twice: no float is as large as the power of a day of pauses.
        seconds = min(_PAUSE_SECONDS_MAX, 2.0 ** min(self._pauses - 1, 10))
        self._paused_until = time.monotonic() + seconds

    def connect(
        self,
        callback: Callable[[EngineConnection | OSError], None],
        *,
        fresh: bool = False,
    ) -> None:
        """Calls back with a connection, an idle one unless `fresh`, or the OSError."""
        oldest_allowed = time.monotonic() - ENGINE_IDLE_SECONDS_MAX
        while self._idle and not fresh:
            connection, _ = self._idle.popitem()
            if connection.idle_since >= oldest_allowed:
                callback(connection)
                return
            connection.abort()
        task = asyncio.get_running_loop().create_task(self._open(callback))
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)

    async def _open(
        self, callback: Callable[[EngineConnection | OSError], None]
    ) -> None:
        try:
            connection = await asyncio.wait_for(self._dial(), self._connect_seconds)
        except (OSError, TimeoutError) as error:
            self.is_healthy = False
            callback(error if isinstance(error, OSError) else TimeoutError("connect"))
            return
        callback(connection)

    async def _dial(self) -> EngineConnection:
        loop = asyncio.get_running_loop()
        scheme, _, rest = self.address.address.partition(":")
        if scheme == "unix":
            _, made = await loop.create_unix_connection(self._make, rest)
        else:
            host, _, port = rest.strip("/").partition(":")
            _, made = await loop.create_connection(self._make, host, int(port or 80))
        return made

    def _make(self) -> EngineConnection:
        return EngineConnection(self)

    def put_back(self, connection: EngineConnection) -> None:
        if len(self._idle) >= ENGINE_IDLE_CONNECTIONS_MAX:
            connection.abort()
            return
        connection.idle_since = time.monotonic()
        self._idle[connection] = None

    def forget(self, connection: EngineConnection) -> None:
        self._idle.pop(connection, None)

    def close_idle(self) -> None:
        while self._idle:
            self._idle.popitem()[0].abort()


def request_head(
    path: bytes, *, engine_key: str, request_id: str, body_bytes: int
) -> bytes:
    """Ours alone: nothing of the caller's head goes to an engine."""
    return (
        b"POST %b HTTP/1.1\r\nhost: engine\r\nauthorization: Bearer %b\r\n"
        b"x-request-id: %b\r\ncontent-type: application/json\r\n"
        b"content-length: %d\r\n\r\n"
        % (path, engine_key.encode(), request_id.encode(), body_bytes)
    )


def question_head(method: bytes, path: bytes, *, engine_key: str) -> bytes:
    """Of a request without a body."""
    return b"%b %b HTTP/1.1\r\nhost: engine\r\nauthorization: Bearer %b\r\n\r\n" % (
        method,
        path,
        engine_key.encode(),
    )
