"""The head of one request, as the parser hands it over piece by piece."""

import re

from metering.proxy import errors
from metering.proxy.errors import RefusedError
from metering.proxy.settings import (
    FORWARDED_FOR_BYTES_MAX,
    HEAD_BYTES_MAX,
    HEADERS_MAX,
)

_ABSOLUTE = re.compile(rb"\Ahttps?://[^/]*", re.IGNORECASE)


class RequestHead:
    __slots__ = (
        "_bytes",
        "_headers",
        "api_key",
        "authorization",
        "content_length",
        "expects_continue",
        "forwarded_for",
        "idempotency_key",
        "is_chunked",
        "lease",
        "method",
        "origin",
        "path",
        "query",
        "retention",
    )

    def __init__(self) -> None:
        self._bytes = self._headers = 0
        self.method = self.path = b""
        self.query = b""
        """With its question mark; empty: there is none."""
        self.authorization: bytes | None = None
        self.api_key: bytes | None = None
        """Of `x-api-key`, as Anthropic's clients send it."""
        self.idempotency_key: bytes | None = None
        self.retention: bytes | None = None
        self.lease: bytes | None = None
        """Of `x-kv-retention` and `x-kv-lease`."""
        self.forwarded_for = b""
        """All of `x-forwarded-for`; empty: there is none."""
        self.origin: bytes | None = None
        """Of the page whose script asks; only browsers send it."""
        self.content_length = 0
        self.is_chunked = self.expects_continue = False

    @property
    def has_body(self) -> bool:
        return self.is_chunked or self.content_length > 0

    def add_url(self, url: bytes) -> None:
        """Raises RefusedError for a head that is too large, as `add_header` does."""
        self._count(len(url))
        self.path += url

    def add_header(self, name: bytes, value: bytes) -> None:
        self._headers += 1
        self._count(len(name) + len(value) + 4)
        match name.lower():
            case b"authorization":
                self.authorization = value
            case b"x-api-key":
                self.api_key = value
            case b"content-length":
                self.content_length = int(value)
            case b"transfer-encoding":
                self.is_chunked = True
            case b"expect":
                self.expects_continue = value.lower() == b"100-continue"
            case b"x-kv-retention":
                self.retention = value
            case b"x-kv-lease":
                self.lease = value
            case b"origin" | b"idempotency-key" | b"x-forwarded-for" as rare:
                self._add_rare(rare, value)

    def _add_rare(self, name: bytes, value: bytes) -> None:
        if name == b"origin":
            self.origin = value
        elif name == b"idempotency-key":
            # Two of them are none: which was meant?
            self.idempotency_key = b"" if self.idempotency_key else value
        else:
            if self.forwarded_for:  # several are one list (RFC 9110, 5.3)
                value = self.forwarded_for + b"," + value
            self.forwarded_for = value[-FORWARDED_FOR_BYTES_MAX:]

    def complete(self, *, method: bytes) -> None:
        """`path` becomes the path alone, whatever form the target has."""
        self.method = method
        path, mark, query = self.path.partition(b"?")
        self.query = mark + query
        if not path.startswith(b"/"):  # as sent to a forward proxy (RFC 9112, 3.2.2)
            path = _ABSOLUTE.sub(b"", path) or b"/"
        self.path = path

    def _count(self, size: int) -> None:
        self._bytes += size
        if self._bytes > HEAD_BYTES_MAX or self._headers > HEADERS_MAX:
            raise head_too_large()


def head_too_large() -> RefusedError:
    return RefusedError(
        errors.HEAD_TOO_LARGE,
        f"The head is larger than {HEAD_BYTES_MAX} bytes or has more than "
        f"{HEADERS_MAX} headers.",
    )
