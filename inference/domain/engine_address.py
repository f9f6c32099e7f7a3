"""Where an engine listens: `unix:/absolute/path` or `http://host:port`."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

ADDRESS_CHARACTERS_MAX = 255
_SOCKET_PATH_BYTES_MAX = 107
"""What the kernel's sun_path holds, less the closing zero byte."""
_UNIX = "unix:"


class InvalidAddressError(ValueError):
    """The text is no engine address; the message says what is wrong with it."""


@dataclass(frozen=True, kw_only=True)
class EngineAddress:
    text: str
    """The one way to write it."""
    socket_path: str | None
    """Path of the unix socket; None: over TCP."""
    base_url: str
    """`http://host:port`; over a unix socket the host only fills the Host header."""

    @property
    def suggested_name(self) -> str:
        """The same name for the same address: lower-case letters, digits, dashes."""
        spoken = self.text.removeprefix(_UNIX).removeprefix("http://")
        return re.sub(r"[^a-z0-9]+", "-", spoken.lower()).strip("-")[-80:].strip("-")


def parse(text: str) -> EngineAddress:
    """Raises InvalidAddressError. A closing slash is forgiven, any other path is not:
    the proxy sends the caller's own path.
    """
    text = text.strip()
    if not text.isprintable() or len(text) > ADDRESS_CHARACTERS_MAX:
        raise InvalidAddressError("An address has at most 255 printable characters.")
    if text.startswith(_UNIX):
        return _parse_unix(text.removeprefix(_UNIX))
    return _parse_http(text)


def _parse_unix(path: str) -> EngineAddress:
    if not path.startswith("/") or len(path.encode()) > _SOCKET_PATH_BYTES_MAX:
        raise InvalidAddressError(
            f"unix:{path}: give an absolute path of at most "
            f"{_SOCKET_PATH_BYTES_MAX} bytes."
        )
    return EngineAddress(
        text=f"{_UNIX}{path}", socket_path=path, base_url="http://engine"
    )


def _parse_http(text: str) -> EngineAddress:
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise InvalidAddressError(f"{text}: {error}.") from error
    if parts.scheme != "http" or not host:
        raise InvalidAddressError(f"{text}: write unix:/path or http://host:port.")
    if parts.username or parts.path.strip("/") or parts.query or parts.fragment:
        # The text may hold a password, so it is not repeated.
        raise InvalidAddressError("After http:// only a host and a port are allowed.")
    shown_host = f"[{host}]" if ":" in host else host
    url = f"http://{shown_host}:{port or 80}"
    return EngineAddress(text=url, socket_path=None, base_url=url)
