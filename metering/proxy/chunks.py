"""HTTP's chunks: made, taken apart, and read strictly as they come from an engine."""

import re
from collections.abc import Iterator

from metering.proxy.usage import InvalidAnswerError

_SIZE_LINE_BYTES_MAX = 20
_TRAILERS_BYTES_MAX = 4096
_CRLF = b"\r\n"
_HEX_DIGITS = b"0123456789abcdefABCDEF"
_TRAILERS = re.compile(rb"(?:[a-zA-Z0-9-]+:[\x20-\x7e]*\r\n)+")


def chunk(payload: bytes) -> bytes:
    """`payload` as one HTTP chunk; nothing for nothing, which would end the answer."""
    return b"%x\r\n%b\r\n" % (len(payload), payload) if payload else b""


def unchunk(data: bytes) -> bytes:
    """The payload of the whole HTTP chunks that `data` begins with."""
    return b"".join(_payloads(data))


def _payloads(data: bytes) -> Iterator[bytes]:
    at = 0
    while (line_end := data.find(b"\r\n", at)) >= 0:
        size = chunk_size(data[at:line_end])
        following = line_end + size + 4
        if size == 0 or following > len(data):
            return
        yield data[line_end + 2 : following - 2]
        at = following


def size_line_end(text: bytes, at: int) -> int:
    """-1: the size line that begins at `at` has not come whole yet."""
    line_end = text.find(b"\r\n", at, at + _SIZE_LINE_BYTES_MAX)
    if line_end < 0 and len(text) - at >= _SIZE_LINE_BYTES_MAX:
        raise InvalidAnswerError("no chunk size where one was due")
    return line_end


def chunk_size(line: bytes) -> int:
    digits, mark, extension = line.partition(b";")
    if mark and not (extension.isascii() and extension.decode().isprintable()):
        raise InvalidAnswerError("a chunk has an extension that is no text")
    # int() alone would take b"-5", b"0x1f" and b"1_0".
    if not digits or digits.translate(None, _HEX_DIGITS):
        raise InvalidAnswerError("a chunk size is no number")
    return int(digits, 16)


def end_of_trailers(text: bytes, line_end: int) -> int:
    """Where the answer ends whose last size line ends at `line_end`; -1: not yet."""
    end = text.find(b"\r\n\r\n", line_end)
    lines = text[line_end + 2 : end + 2 if end >= 0 else len(text)]
    if len(lines) > _TRAILERS_BYTES_MAX:
        raise InvalidAnswerError("the trailers are too long")
    if end >= 0 and lines and not _TRAILERS.fullmatch(lines):
        raise InvalidAnswerError("what follows the last chunk is no trailer")
    return end + 4 if end >= 0 else -1


class ChunkedBody:
    """The payload of a whole answer, from its reads; no byte is walked twice."""

    __slots__ = ("_carry", "_left", "_payload")

    def __init__(self) -> None:
        self._payload = bytearray()
        self._carry = b""  # a size line, a chunk's end or trailers that came in part
        self._left = 0
        """Of the present chunk, its CRLF included."""

    def feed(self, data: bytes) -> bytes | None:
        """The payload once all of it has come. Raises InvalidAnswerError."""
        text = self._carry + data if self._carry else data
        at = 0
        while True:
            if self._left:
                at = self._take(text, at)
            if self._left or (line_end := size_line_end(text, at)) < 0:
                break
            size = chunk_size(text[at:line_end])
            if size == 0:
                if (end := end_of_trailers(text, line_end)) < 0:
                    break
                if end != len(text):
                    raise InvalidAnswerError("bytes after the end of the answer")
                return bytes(self._payload)
            self._left, at = size + len(_CRLF), line_end + len(_CRLF)
        self._carry = text[at:]
        return None

    def _take(self, text: bytes, at: int) -> int:
        """Takes what came of the present chunk; returns where that ends."""
        end = min(len(text), at + self._left - len(_CRLF))
        if end > at:
            self._payload += text[at:end]
            self._left -= end - at
            at = end
        if self._left == len(_CRLF) and len(text) - at >= self._left:
            if not text.startswith(_CRLF, at):
                raise InvalidAnswerError("a chunk is longer than its size")
            at += self._left
            self._left = 0
        return at
