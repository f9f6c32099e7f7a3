"""Reads the usage out of an answer while its bytes pass unchanged.

A stream is released in whole HTTP chunks that end a whole server-sent event; the
ordinary read is exactly one, and is passed on as it is. From the event with the final
usage on, or from `[DONE]`, everything is held until the usage event is durable.

The running usage that we ask engines for is blanked out, unless the caller asked for it
too: clients that add up the usage of all chunks would count a stream many times over.
"""

import re
from collections.abc import Callable

from metering.proxy.chunks import (
    chunk,
    chunk_size,
    end_of_trailers,
    size_line_end,
    unchunk,
)
from metering.proxy.settings import SSE_EVENT_BYTES_MAX
from metering.proxy.usage import InvalidAnswerError, StreamForm, Usage

_DONE = b"data: [DONE]"
_NEWLINE = 0x0A
_USAGE = re.compile(rb'"usage":\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\}')
"""Of an engine: in a tenant's text quotes are escaped."""
_NO_USAGE = b'"usage":null'


class StreamTap:
    __slots__ = (
        "_carry",
        "_form",
        "_held",
        "_hides_usage",
        "_last",
        "_marks",
        "ended",
        "releases",
    )

    def __init__(self, form: StreamForm, *, shows_running_usage: bool = False) -> None:
        self._form = form
        self._hides_usage = form.has_running_usage and not shows_running_usage
        self._marks = (*form.final_marks, form.error_mark, _DONE)
        self._carry = b""  # bytes that do not yet end a chunk and an event
        self._held = b""  # whole chunks from the final usage on
        self._last = b""  # what was released last: it has the running usage
        self.ended = False
        self.releases = 0

    def feed(self, data: bytes) -> bytes:
        """The bytes to forward now. Raises InvalidAnswerError on broken framing."""
        text = self._carry + data if self._carry else data
        released, across_chunks = self._walk(text)
        self._carry = text[released:]
        if len(self._carry) + len(self._held) > SSE_EVENT_BYTES_MAX:
            raise InvalidAnswerError("an event is too long")
        ready = text[:released]
        payload = unchunk(ready) if across_chunks else ready
        if self._held or self.ended or self._is_final(payload):
            self._held += ready
            return b""
        if ready:
            self._last = ready
            self.releases += 1
            if self._hides_usage:
                # Blanks instead of fewer bytes: the framing stays as it is.
                return (
                    chunk(_without_usage(payload))
                    if across_chunks
                    else _USAGE.sub(_blanked, ready)
                )
        return ready

    def _is_final(self, payload: bytes) -> bool:
        for mark in self._marks:  # noqa: SIM110 - a generator costs more, per chunk
            if mark in payload:
                return True
        return False

    def _walk(self, text: bytes) -> tuple[int, bool]:
        """(how many bytes end a chunk and an event, whether an event spans chunks)."""
        at = released = 0
        across_chunks = False
        while (line_end := size_line_end(text, at)) >= 0:
            size = chunk_size(text[at:line_end])
            if size == 0:
                if (end := end_of_trailers(text, line_end)) >= 0:
                    released, self.ended = end, True
                break
            following = line_end + size + 4
            if following > len(text):
                break
            if not text.endswith(b"\r\n", 0, following):
                raise InvalidAnswerError("a chunk is longer than its size")
            began, at = at, following
            if _ends_event(text, began=began, end=at, size=size):
                released = at
            else:
                across_chunks = True
        if self.ended and released != len(text):
            raise InvalidAnswerError("bytes after the end of the answer")
        return released, across_chunks

    @property
    def usage_path(self) -> tuple[str, ...]:
        """Where in the data of the final event the usage is."""
        return self._form.usage_path

    @property
    def final_is_usage_only(self) -> bool:
        """The final event is there for its usage alone."""
        return self._form.final_is_usage_only

    def final_usage(self) -> Usage | None:
        """The usage that closes the stream. Raises InvalidAnswerError."""
        for event in _events(unchunk(self._held)):
            if self._closes(event):
                return self._form.final_usage(_data(event))
        return None

    def has_token(self, ready: bytes) -> bool:
        """Whether what was just released has output of the model."""
        return self._form.token_mark in ready

    def has_failed(self) -> bool:
        """Whether the engine itself said that it failed."""
        return self._form.error_mark in unchunk(self._held)

    def running_usage(self) -> Usage | None:
        """The usage so far, from what was released last; None: nothing says it."""
        if not self._form.has_running_usage:
            return None
        for event in reversed(_events(unchunk(self._last))):
            if b'"usage"' in event:
                try:
                    return self._form.final_usage(_data(event))
                except InvalidAnswerError:
                    return None
        return None

    def rest(
        self, *, with_usage: bool, noted: Callable[[bytes], bytes] | None = None
    ) -> bytes:
        """What was held, without the usage chunk for a client that did not ask.
        `noted` changes the data of the event with the final usage.
        """
        leaves_out = self._form.final_is_usage_only and not with_usage
        if not leaves_out and noted is None and not self._hides_usage:
            return self._held
        kept = []
        for event in _events(unchunk(self._held)):
            if not self._closes(event):
                kept.append(_without_usage(event) if self._hides_usage else event)
            elif noted is not None:
                kept.append(_with_data(event, noted(_data(event))))
            elif not leaves_out:
                kept.append(event)
        return chunk(b"".join(kept)) + b"0\r\n\r\n"

    def _closes(self, event: bytes) -> bool:
        return any(mark in event for mark in self._form.final_marks)


def _ends_event(text: bytes, *, began: int, end: int, size: int) -> bool:
    """Whether the chunk from `began` to `end` ends an event too."""
    if size > 1:
        return text.endswith(b"\n\n\r\n", 0, end)
    # The size line's end and a payload of b"\n" look like the end of an event; the
    # newline before may be the last byte of the chunk before.
    return text[end - 3] == _NEWLINE and began > 0 and text[began - 3] == _NEWLINE


def _without_usage(payload: bytes) -> bytes:
    return _USAGE.sub(_NO_USAGE, payload)


def _blanked(usage: re.Match[bytes]) -> bytes:
    return _NO_USAGE.ljust(usage.end() - usage.start())


def _events(payload: bytes) -> list[bytes]:
    return [event + b"\n\n" for event in payload.split(b"\n\n") if event]


def _data(event: bytes) -> bytes:
    return event[_data_at(event) :]


def _with_data(event: bytes, data: bytes) -> bytes:
    return event[: _data_at(event)] + b" " + data + b"\n\n"


def _data_at(event: bytes) -> int:
    """Where the data begins; it is one line, the last, and JSON has no raw newline."""
    return 5 if event.startswith(b"data:") else event.find(b"\ndata:") + 6
