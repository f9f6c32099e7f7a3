"""HTTP/1.1 as vLLM's server speaks it: keep-alive, whole answers with a length, event
streams in chunks, and a caller's going away noticed at once.
"""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable
from email.utils import formatdate
from http import HTTPStatus

import httptools

from inference.simulator.faults import Fault, Kind

_BODY_BYTES_MAX = 32 * 1024 * 1024
_HEAD_BYTES_MAX = 64 * 1024
_PIPELINE_MAX = 16
_STATUS_LINES = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode()
    for status in HTTPStatus
}


def nothing() -> None:
    """The listener of an exchange that nobody listens to."""


class Exchange:
    """One request and its answer."""

    __slots__ = (
        "_bytes_left",
        "_connection",
        "_is_streaming",
        "body",
        "fault",
        "headers",
        "keeps_alive",
        "method",
        "on_drained",
        "on_gone",
        "path",
        "query",
        "request_id",
    )

    def __init__(self, connection: "Connection") -> None:
        self._connection = connection
        self._is_streaming = False
        self._bytes_left: int | None = None
        self.method = ""
        self.path = ""
        self.query = ""
        self.headers: dict[bytes, str] = {}
        self.body = b""
        self.keeps_alive = True
        self.request_id = ""
        self.fault: Fault | None = None
        self.on_gone: Callable[[], object] = nothing
        """Called when the caller closes before the answer has ended."""
        self.on_drained: Callable[[], None] = nothing
        """Called when the caller has read enough to be sent more."""

    @property
    def is_congested(self) -> bool:
        return self._connection.is_congested

    @property
    def hides_usage(self) -> bool:
        return self.fault is not None and self.fault.kind is Kind.NO_USAGE

    def suffer(self, fault: Fault | None) -> None:
        self.fault = fault
        if fault is not None and fault.kind in {Kind.HANG, Kind.DIE}:
            self._bytes_left = fault.number

    def respond(
        self,
        status: int,
        body: bytes,
        *,
        content_type: str = "application/json",
        extra: str = "",
    ) -> None:
        """`extra`: further header lines, each with its line end."""
        length = f"content-length: {len(body)}\r\n"
        kind = f"content-type: {content_type}\r\n" if body else ""
        self._write(self._head(status, f"{extra}{length}{kind}") + b"\r\n" + body)
        self._end()

    def begin_stream(self) -> None:
        head = self._head(200, "content-type: text/event-stream; charset=utf-8\r\n")
        self._write(head + b"transfer-encoding: chunked\r\n\r\n")

    def send_events(self, events: list[bytes], *, is_last: bool) -> None:
        chunks = [b"%x\r\n%b\r\n" % (len(event), event) for event in events if event]
        if is_last:
            chunks.append(b"0\r\n\r\n")
        self._write(b"".join(chunks))
        if is_last:
            self._end()

    def send_raw(self, data: bytes) -> None:
        """Bytes that need not be HTTP; the connection ends after them."""
        self.keeps_alive = False
        self._write(data)
        self._end()

    def cut(self) -> None:
        """Close the connection in the middle of the answer."""
        self._connection.close()

    def _head(self, status: int, lines: str) -> bytes:
        # The middleware that refuses a key sits outside the one that adds `vary`.
        vary = "vary: Origin\r\n" if status != HTTPStatus.UNAUTHORIZED else ""
        close = "" if self.keeps_alive else "connection: close\r\n"
        return (
            _STATUS_LINES[status]
            + self._connection.server.date_header()
            + f"{lines}{vary}x-request-id: {self.request_id}\r\n{close}".encode(
                "latin-1"
            )
        )

    def _write(self, data: bytes) -> None:
        left = self._bytes_left
        if left is None:
            self._connection.write(data)
            return
        self._connection.write(data[:left])
        self._bytes_left = max(0, left - len(data))
        if len(data) >= left and self.fault and self.fault.kind is Kind.DIE:
            self._connection.close()

    def _end(self) -> None:
        self.on_gone = self.on_drained = nothing
        if self._bytes_left is None:
            self._connection.exchange_over(self)


class Server:
    """All connections of the process, and the one sweep that closes idle ones."""

    def __init__(
        self, handle: Callable[[Exchange], None], *, keep_alive_seconds: float
    ) -> None:
        self.handle = handle
        self.connections: set[Connection] = set()
        self._keep_alive_seconds = keep_alive_seconds
        self._date = (0, b"")
        self._drained: asyncio.Event | None = None
        self._loop = asyncio.get_running_loop()
        self._sweep_seconds = min(1.0, keep_alive_seconds / 2)
        self._loop.call_later(self._sweep_seconds, self._sweep)

    @property
    def open_exchanges(self) -> int:
        return sum(connection.is_busy for connection in self.connections)

    def connect(self) -> "Connection":
        return Connection(self)

    async def drain(self, seconds: float) -> None:
        """Let open answers end for so long, then close every connection."""
        self._drained = asyncio.Event()
        self.note_end()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._drained.wait(), seconds)
        for connection in list(self.connections):
            connection.close()
        await asyncio.sleep(0)

    def note_end(self) -> None:
        """An exchange has ended or its caller is gone."""
        if self._drained is not None and not self.open_exchanges:
            self._drained.set()

    def date_header(self) -> bytes:
        now = int(time.time())
        if now != self._date[0]:
            date = formatdate(now, usegmt=True)
            self._date = now, f"date: {date}\r\nserver: simulator\r\n".encode()
        return self._date[1]

    def _sweep(self) -> None:
        oldest = self._loop.time() - self._keep_alive_seconds
        for connection in list(self.connections):
            if not connection.is_busy and connection.idle_since < oldest:
                connection.close()
        self._loop.call_later(self._sweep_seconds, self._sweep)


class Connection(asyncio.Protocol):
    """One caller; answers its requests one after the other, in order."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.is_congested = False
        self.idle_since = time.monotonic()
        self._transport: asyncio.Transport
        self._parser = httptools.HttpRequestParser(self)
        self._incoming = Exchange(self)
        self._body: list[bytes] = []
        self._head_size = 0
        self._body_size = 0
        self._current: Exchange | None = None
        self._waiting: deque[Exchange] = deque()
        self._is_closed = False

    @property
    def is_busy(self) -> bool:
        return self._current is not None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # a stream's, always
        self.server.connections.add(self)

    def eof_received(self) -> None:
        # Before a step that is due already: its tokens could not be sent any more.
        self._leave()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's
        self._leave()
        self.server.note_end()

    def _leave(self) -> None:
        self._is_closed = True
        self.server.connections.discard(self)
        self._waiting.clear()
        current, self._current = self._current, None
        if current is not None:
            current.on_gone()

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._refuse(400)
        # Outside the parser, which would take any error for the caller's.
        self._begin_next()

    def pause_writing(self) -> None:
        self.is_congested = True

    def resume_writing(self) -> None:
        self.is_congested = False
        if self._current is not None:
            self._current.on_drained()

    def on_url(self, url: bytes) -> None:
        self._count_head(len(url))
        self._incoming.path += url.decode("latin-1")

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count_head(len(name) + len(value))
        self._incoming.headers[name.lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        wanted = self._incoming.headers.get(b"expect", "")
        if wanted.lower() == "100-continue" and self._current is None:
            self.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        self._body_size += len(body)
        if self._body_size > _BODY_BYTES_MAX:
            self._refuse(413)
        else:
            self._body.append(body)

    def on_message_complete(self) -> None:
        exchange = self._incoming
        exchange.method = self._parser.get_method().decode()
        exchange.path, _, exchange.query = exchange.path.partition("?")
        exchange.keeps_alive = self._parser.should_keep_alive()
        exchange.body = b"".join(self._body)
        self._incoming, self._body = Exchange(self), []
        self._head_size = self._body_size = 0
        self._waiting.append(exchange)
        if len(self._waiting) == _PIPELINE_MAX:
            self._transport.pause_reading()

    def write(self, data: bytes) -> None:
        if not self._is_closed:
            self._transport.write(data)

    def close(self) -> None:
        self._transport.close()

    def exchange_over(self, exchange: Exchange) -> None:
        self._current = None
        self.idle_since = time.monotonic()
        self.server.note_end()
        if not exchange.keeps_alive:
            self.close()
        elif self._waiting:
            # Through the loop: a long pipeline must not become a deep recursion.
            asyncio.get_running_loop().call_soon(self._begin_next)

    def _begin_next(self) -> None:
        if self._current is not None or not self._waiting or self._is_closed:
            return
        if len(self._waiting) == _PIPELINE_MAX:
            self._transport.resume_reading()
        self._current = self._waiting.popleft()
        self.server.handle(self._current)

    def _count_head(self, size: int) -> None:
        self._head_size += size
        if self._head_size > _HEAD_BYTES_MAX:
            self._refuse(431)

    def _refuse(self, status: int) -> None:
        if self._transport.is_closing():
            return
        text = b"Invalid HTTP request received."
        self.write(
            _STATUS_LINES[status]
            + self.server.date_header()
            + b"content-type: text/plain; charset=utf-8\r\n"
            + b"content-length: %d\r\n" % len(text)
            + b"connection: close\r\n\r\n%b" % text
        )
        self.close()
