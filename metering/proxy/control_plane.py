"""What a client asks the API's address and the control plane answers: the usage of a
call, cached prompts, quotes. Passed on, since a client needs one base URL.

The control plane authenticates the API key itself. Only reading is tried again.
"""

import asyncio
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

from inference.wire import EngineAddress
from metering.proxy import errors
from metering.proxy.asking import ask
from metering.proxy.errors import RefusedError
from metering.proxy.request_head import RequestHead
from metering.proxy.upstream import Engine

BODY_BYTES_MAX = 4 * 1024 * 1024
_USAGE = b"/v1/usage/requests/"
_PATHS = (
    (re.compile(rb"/v1/usage/requests/[^/]+"), (b"GET",)),
    (re.compile(rb"/v1/cached_prompts"), (b"GET", b"POST")),
    (re.compile(rb"/v1/cached_prompts/[^/]+"), (b"GET", b"PATCH", b"DELETE")),
    (re.compile(rb"/v1/cached_prompts/[^/]+/events"), (b"GET",)),
    (re.compile(rb"/v1/kv_quotes"), (b"POST",)),
)
_IN_FLIGHT_MAX = {True: 32, False: 4}
"""Of those that read, and of the others: making a prompt takes long, and the portal,
which has eight threads, is not to wait behind it.
"""
_YOUNG_SECONDS = 15.0
_AGAIN_SECONDS = 0.5
_READING_SECONDS_MAX = 8.0
_CHANGING_SECONDS_MAX = 60.0
"""An engine may have to read a long prompt."""
_HOW_OFTEN_READ = 2
_PASSED_STATUSES = {HTTPStatus.OK, HTTPStatus.CREATED, HTTPStatus.ACCEPTED} | {
    status for status in HTTPStatus if status >= HTTPStatus.BAD_REQUEST
}
_IDEMPOTENCY_KEY = re.compile(rb"[\x20-\x7e]{1,255}")


def allowed_methods(path: bytes) -> tuple[bytes, ...]:
    """Empty for a path that is none of these."""
    for form, methods in _PATHS:
        if form.fullmatch(path):
            return methods
    return ()


class ControlPlane:
    def __init__(self, url: str, *, host: str, connect_seconds: float) -> None:
        """`host` is the portal's public one, which the control plane answers to."""
        address = EngineAddress(engine_id=0, name="control", address=url)
        self._address = Engine(address, connect_seconds=connect_seconds)
        self._host = host.encode()
        self._in_flight = {True: 0, False: 0}

    async def answer(
        self, head: RequestHead, body: bytes, *, secret: bytes
    ) -> tuple[int, bytes]:
        """(status, JSON document) to one of the paths above. Raises RefusedError."""
        is_read = head.method == b"GET"
        seconds_max = _READING_SECONDS_MAX if is_read else _CHANGING_SECONDS_MAX
        question = self._question(head, body, secret)
        with self._place(head):
            try:
                async with asyncio.timeout(seconds_max):
                    if not is_read:
                        status, answer = await self._ask(question, body)
                    elif head.path.startswith(_USAGE):
                        status, answer = await self._look_for_usage(head, question)
                    else:
                        status, answer = await self._read(question)
            except (OSError, TimeoutError):
                raise _unavailable(head) from None
        # What is no JSON is a page of its framework's or of a server before it.
        if not answer.startswith(b"{") or status not in _PASSED_STATUSES:
            raise _unavailable(head)
        return status, answer

    @contextmanager
    def _place(self, head: RequestHead) -> Iterator[None]:
        """Raises RefusedError when all are taken."""
        is_read = head.method == b"GET"
        if self._in_flight[is_read] >= _IN_FLIGHT_MAX[is_read]:
            raise _unavailable(head, is_begun=False)
        self._in_flight[is_read] += 1
        try:
            yield
        finally:
            self._in_flight[is_read] -= 1

    def _question(self, head: RequestHead, body: bytes, secret: bytes) -> bytes:
        lines = [
            b"%b %b%b HTTP/1.1" % (head.method, head.path, head.query),
            b"host: " + self._host,
            b"authorization: Bearer " + secret,
            b"x-forwarded-proto: https",
            b"connection: close",
        ]
        if head.method != b"GET":
            lines += [
                b"content-type: application/json",
                b"content-length: %d" % len(body),
            ]
        key = head.idempotency_key
        if key is not None and _IDEMPOTENCY_KEY.fullmatch(key):
            lines.append(b"idempotency-key: " + key)
        return b"\r\n".join((*lines, b"", b""))

    async def _ask(self, question: bytes, body: bytes = b"") -> tuple[int, bytes]:
        return await ask(self._address, question, body, fresh=True)

    async def _read(self, question: bytes) -> tuple[int, bytes]:
        for _ in range(_HOW_OFTEN_READ - 1):
            try:
                return await self._ask(question)
            except OSError:
                await asyncio.sleep(_AGAIN_SECONDS)
        return await self._ask(question)

    async def _look_for_usage(
        self, head: RequestHead, question: bytes
    ) -> tuple[int, bytes]:
        """A client's newest call takes some seconds to get there: a record that may
        still be on its way is asked for again.
        """
        until = time.monotonic() + _READING_SECONDS_MAX - 2 * _AGAIN_SECONDS
        while True:
            status, answer = await self._ask(question)
            is_due = status == HTTPStatus.NOT_FOUND and _is_young(head.path)
            if not is_due or time.monotonic() >= until:
                return status, answer
            await asyncio.sleep(_AGAIN_SECONDS)


def _unavailable(head: RequestHead, *, is_begun: bool = True) -> RefusedError:
    if head.path.startswith(_USAGE):
        return RefusedError(
            errors.USAGE_UNAVAILABLE,
            "Usage cannot be read right now. Please retry in a few seconds.",
            retry_after_seconds=5,
        )
    is_open = is_begun and head.method != b"GET"
    more = " Whether it was done is not known: look before you retry." * is_open
    return RefusedError(
        errors.CONTROL_PLANE_UNAVAILABLE,
        f"This cannot be answered right now. Please retry in a few seconds.{more}",
        retry_after_seconds=5,
    )


def _is_young(path: bytes) -> bool:
    """Whether the id, a UUID of version 7, was made a moment ago."""
    digits = path.removeprefix(_USAGE).removeprefix(b"req_").replace(b"-", b"")[:12]
    try:
        made_at = int(digits, 16) / 1000
    except ValueError:
        return False
    return abs(time.time() - made_at) < _YOUNG_SECONDS
