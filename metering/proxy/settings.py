"""What one proxy process is told by its environment, and the bounds it works within."""

import os
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import urlsplit

from metering.domain.caller_address import Network

MIB = 1024 * 1024

HEAD_BYTES_MAX = 32 * 1024
HEADERS_MAX = 100
BUFFERED_BODY_BYTES_MAX = 512 * MIB
"""Over all connections of the process; above it a call with a body is answered 503."""
BODY_BYTES_PER_SECOND_MIN = 4096
"""After the first BODY_SECONDS; 32 kbit/s, which the slowest uplinks have. A body that
trickles would hold its connection and its memory for ever."""
DISCARDED_BODY_BYTES_MAX = 64 * MIB
"""A refused caller may finish sending this much, so that it gets to read the answer."""
FRAMING_BYTES_MAX = 64 * 1024
FRAMING_FACTOR_MAX = 8
"""A body of single-byte chunks has 6 bytes for each of its own."""
SSE_EVENT_BYTES_MAX = MIB
ANSWER_BYTES_MAX = 64 * MIB
"""Of a whole, not streamed answer."""
CLIENT_WRITE_HIGH_BYTES = 64 * 1024
SAMPLES_MAX = 16
"""`n`: answers to one prompt in one call."""
IMAGES_MAX = 10
"""`n` of an images request."""
KEPT_ANSWER_SECONDS = 24 * 3600
"""How long an idempotency key and its answer are known."""
KEPT_ANSWER_BYTES_MAX = 2 * MIB
"""A longer answer is not kept; its key is."""
KEPT_KEYS_PER_TENANT_MAX = 100_000
KEPT_BYTES_PER_TENANT_MAX = 64 * MIB
"""Of answers; above it new ones are not kept."""
STORED_RESPONSE_SECONDS = 3600
"""How long a response can be read again."""
STORED_RESPONSE_BYTES_MAX = 2 * MIB
STORED_CONVERSATION_BYTES_MAX = MIB
"""What a response answered, kept so that it can be continued by its id."""
STORED_RESPONSES_BYTES_PER_TENANT_MAX = 64 * MIB
FORWARDED_FOR_BYTES_MAX = 1024
"""Of `x-forwarded-for`, its end; what a front server appends stands there."""
RECORDED_BYTES_MAX = 256 * MIB
"""Of answers with an idempotency key that the process holds; above it they are not
kept."""
ENGINE_TRIES_MAX = 3
ENGINE_IDLE_CONNECTIONS_MAX = 512
ENGINE_IDLE_SECONDS_MAX = 4.0
"""0.8 of uvicorn's keep-alive of 5 s: we must be the one that closes first."""
CLIENTS_MAX = 8192
"""Open connections of the process; one more is answered 503 and closed."""
CALLS_MAX = 4096
"""In flight in this process; above it 503 at once."""
ENGINE_CALLS_MAX = 1024
"""In flight to one engine from this process; above it 503 at once."""


@dataclass(frozen=True, kw_only=True)
class ProxySettings:
    host: str
    port: int
    home: Path
    journal_folder: Path
    snapshot_folder: Path
    valkey_url: str
    snapshot_key: bytes
    engine_key: str
    proxy_processes: int
    """That share the limits, this one included."""
    engine_progress_file: Path
    control_url: str
    """Where the control plane answers; the usage of a call is read there."""
    portal_host: str
    """The public name by which it knows itself."""
    portal_origin: bytes
    """Whose pages' scripts may call: those of no other site."""
    fronts: tuple[Network, ...]
    """Front servers: whom they say they have the call from is believed."""
    body_bytes_max: int
    journal_segment_bytes: int
    head_seconds: float
    body_seconds: float
    """Without progress; and how far a body may lag behind the least pace."""
    idle_client_seconds: float
    hold_seconds: float
    connect_seconds: float
    first_byte_seconds: float
    """Until the first byte of a streamed answer."""
    answer_seconds: float
    """Until a whole, not streamed answer."""
    chunk_seconds: float
    """Between two reads of a streamed answer."""
    stalled_client_seconds: float
    """A client that takes no byte for so long is gone."""
    client_gone_drain_seconds: float
    """How long an engine may finish for a client that left before any usage."""
    durable_seconds: float
    idempotency_seconds: float
    """For Valkey's answer about an idempotency key."""
    idempotency_lease_seconds: float
    """How long a process that died is believed to work on a call with such a key."""
    drain_seconds: float


def _text(name: str, default: str | None = None) -> str:
    if given := os.environ.get(name):
        return given
    if path := os.environ.get(f"{name}_FILE"):
        return Path(path).read_text().strip()
    if default is None:
        raise SystemExit(f"{name} is not set; `make up` sets it for its proxies")
    return default


def _seconds(name: str, default: float) -> float:
    text = _text(name, str(default))
    try:
        return float(text)
    except ValueError:
        raise SystemExit(f"{name}={text!r} is not a number of seconds") from None


def _count(name: str, default: int) -> int:
    text = _text(name, str(default))
    if not text.isdecimal() or int(text) < 1:
        raise SystemExit(f"{name}={text!r} is not a count above 0")
    return int(text)


def _networks(name: str) -> tuple[Network, ...]:
    try:
        return tuple(map(ip_network, _text(name, "").replace(",", " ").split()))
    except ValueError as error:
        raise SystemExit(f"{name}: {error}") from None


def load() -> ProxySettings:
    """Raises SystemExit with one sentence for a variable that is missing or wrong."""
    home = Path(_text("TOKENFAB_HOME")).absolute()
    return ProxySettings(
        host=_text("PROXY_HOST", "127.0.0.1"),
        port=int(_text("PROXY_PORT")),
        home=home,
        journal_folder=home / "journal" / _text("PROXY_INDEX", "0"),
        snapshot_folder=home / "snapshots" / _text("PROXY_INDEX", "0"),
        valkey_url=_text("VALKEY_URL"),
        snapshot_key=_text("SNAPSHOT_KEY").encode(),
        engine_key=_text("ENGINE_KEY", ""),
        proxy_processes=_count("PROXY_PROCESSES", 1),
        engine_progress_file=Path(
            _text("ENGINE_PROGRESS_FILE", str(home / "run" / "engine_progress.json"))
        ),
        control_url=_text("CONTROL_URL", "http://127.0.0.1:8000"),
        portal_host=urlsplit(_text("PORTAL_URL", "http://127.0.0.1")).netloc,
        portal_origin=_text("PORTAL_URL", "http://127.0.0.1").rstrip("/").encode(),
        fronts=_networks("FRONT_ADDRESSES"),
        body_bytes_max=int(_text("BODY_BYTES_MAX", str(16 * MIB))),
        journal_segment_bytes=int(_text("JOURNAL_SEGMENT_BYTES", str(8 * MIB))),
        head_seconds=_seconds("HEAD_SECONDS", 10),
        body_seconds=_seconds("BODY_SECONDS", 60),
        idle_client_seconds=_seconds("IDLE_CLIENT_SECONDS", 75),
        hold_seconds=_seconds("HOLD_SECONDS", 0.05),
        connect_seconds=_seconds("CONNECT_SECONDS", 1),
        first_byte_seconds=_seconds("FIRST_BYTE_SECONDS", 120),
        answer_seconds=_seconds("ANSWER_SECONDS", 600),
        chunk_seconds=_seconds("CHUNK_SECONDS", 60),
        stalled_client_seconds=_seconds("STALLED_CLIENT_SECONDS", 60),
        client_gone_drain_seconds=_seconds("CLIENT_GONE_DRAIN_SECONDS", 30),
        durable_seconds=_seconds("DURABLE_SECONDS", 1),
        idempotency_seconds=_seconds("IDEMPOTENCY_SECONDS", 0.5),
        idempotency_lease_seconds=_seconds("IDEMPOTENCY_LEASE_SECONDS", 10),
        drain_seconds=_seconds("DRAIN_SECONDS", 5),
    )
