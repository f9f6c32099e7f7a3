"""What one metered endpoint is: a row of the table in `endpoints.py`."""

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import msgspec
from msgspec import Meta

from inference.wire import Task
from metering.proxy.errors import Dialect
from metering.proxy.usage import ReadUsage, StreamForm

PROMPT_FIELDS = (
    "messages", "prompt", "input", "instructions", "system", "tools", "suffix",
)  # fmt: skip
"""Of any dialect: their bytes become input tokens."""
PositiveInt = Annotated[int, Meta(ge=1)]


class _UsageOption(msgspec.Struct):
    include: bool = False


class Fields(msgspec.Struct, kw_only=True):
    """The fields of every body that the proxy itself acts on."""

    model: str
    usage: _UsageOption | None = None
    """`{"include": true}`: the answer says what the call cost."""

    @property
    def wants_cost(self) -> bool:
        return self.usage is not None and self.usage.include


class StreamOptions(msgspec.Struct):
    include_usage: bool | None = None
    continuous_usage_stats: bool | None = None


class Asked(msgspec.Struct, kw_only=True):
    """What a body asks for, whatever its dialect calls it."""

    model: str
    wants_cost: bool
    is_streamed: bool = False
    wants_usage: bool = True
    """The client of a stream asked for the final usage event itself."""
    wants_running_usage: bool = False
    """And the usage so far in every event before it."""
    samples: int = 1
    output_ceiling: int | None = None
    """Tokens per sample; None: up to the model's context."""
    images: int = 0


class OutputKind(enum.Enum):
    """What the engine makes, which decides what a call may use."""

    TOKENS = enum.auto()
    NOTHING = enum.auto()
    """The prompt is read only: embeddings."""
    COUNT = enum.auto()
    """Nothing is computed: the prompt's tokens are counted."""
    IMAGES = enum.auto()


def data_event(body: bytes) -> bytes:
    return b"data: %b\n\n" % body


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    name: str
    """As in usage events."""
    path: bytes
    engine_path: bytes
    task: Task | None
    """Of the models that offer it; None: all."""
    dialect: Dialect
    output: OutputKind
    fields: frozenset[str]
    """That reach the engine."""
    prompt_fields: tuple[str, ...]
    """One of them must be there; their bytes are the prompt."""
    ceiling_field: str | None
    """Which field bounds the output tokens."""
    read: Callable[[bytes], Asked]
    """Raises msgspec's errors."""
    usage: ReadUsage
    """Of a whole answer."""
    stream: StreamForm | None
    """None: it has no streamed form."""
    usage_path: tuple[str, ...] = ("usage",)
    """Where in a whole answer the usage is."""
    error_event: Callable[[bytes], bytes] = data_event
    """Server-sent event from an error's body."""

    @property
    def uses_input_tokens(self) -> bool:
        return self.output in (OutputKind.TOKENS, OutputKind.NOTHING)
