"""What the control plane tells the data plane of models and engines."""

import enum

import msgspec

SNAPSHOT_KIND = "routes"
CACHED_PROMPTS = "cached_prompts"
"""Kind of the snapshot of cached prompts."""


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


class Placement(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """One engine that holds a cached prompt: a lease that calls may build on."""

    engine_id: int
    lease_id: str
    """32 hexadecimal digits."""
    retained_tokens: int
    """Whole KV blocks, so fewer than `token_count`."""
    last_hash: str
    """Hexadecimal, of the last of those blocks."""


class CachedPromptEntry(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A cached prompt as the proxy needs it; its content lies under `content_key`."""

    cached_prompt_id: str
    """32 hexadecimal digits, without `cp_`."""
    tenant_id: int
    project_id: int
    name: str
    model: str
    token_count: int
    """As the engine counts the prompt alone."""
    messages: int
    """How many."""
    digest: str
    """`inference.domain.prompt_digest` of its messages and tools."""
    expires_at_ms: int
    """A call that arrives before is in time."""
    placements: tuple[Placement, ...]


class CachedPromptContent(msgspec.Struct, frozen=True, kw_only=True):
    """What the control plane puts at `content_key`, in JSON; never changes."""

    messages: list[msgspec.Raw]
    tools: list[msgspec.Raw] | None
    """None: the prompt has none."""


def content_key(*, tenant_id: int, cached_prompt_id: str) -> str:
    """In Valkey."""
    return f"tokenfab:cached_prompt:{{{tenant_id}}}:{cached_prompt_id}"
