"""What the control plane tells the data plane of models and engines."""

import enum

import msgspec

SNAPSHOT_KIND = "routes"


class Task(enum.StrEnum):
    """What a served model does; decides which endpoints it offers."""

    GENERATE = "generate"
    EMBED = "embed"
    IMAGE = "image"


class EngineAddress(msgspec.Struct, frozen=True, kw_only=True):
    engine_id: int
    name: str
    address: str
    """`unix:/path/to.sock` or `http://host:port`."""


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """One served model and the engines that answer for it."""

    model: str
    """Public name; also the name that the engine serves it under."""
    is_default: bool
    """Exactly one route is reachable as `model: "default"` too."""
    context_tokens: int
    """Longest prompt plus answer, in tokens."""
    created_at: int
    """Seconds since the epoch, for `GET /v1/models`."""
    engines: tuple[EngineAddress, ...]
    """Engines that may be given work; a drained one is left out."""
    task: Task
    tokenizer_folder: str | None
    """Where `tokenizer.json` and the chat template lie on this machine; None: the
    engine's own `/tokenize` is asked."""
