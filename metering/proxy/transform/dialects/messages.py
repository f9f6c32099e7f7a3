"""Anthropic's messages, and the counting of their tokens."""

import msgspec

from inference.wire import Task
from metering.proxy import usage
from metering.proxy.errors import Dialect
from metering.proxy.transform.endpoint import (
    Asked,
    Endpoint,
    Fields,
    OutputKind,
    PositiveInt,
)

_PROMPT = {
    "model", "messages", "system", "tools", "tool_choice", "thinking", "output_config",
}  # fmt: skip
_FIELDS = _PROMPT | {
    "max_tokens", "stream", "stop_sequences", "temperature", "top_p", "top_k",
    "metadata",
}  # fmt: skip


class _Messages(Fields, kw_only=True):
    max_tokens: PositiveInt
    stream: bool | None = None


_decode = msgspec.json.Decoder(_Messages).decode
_decode_count = msgspec.json.Decoder(Fields).decode


def _read(body: bytes) -> Asked:
    fields = _decode(body)
    return Asked(
        model=fields.model,
        wants_cost=fields.wants_cost,
        is_streamed=bool(fields.stream),
        output_ceiling=fields.max_tokens,
    )


def _read_count(body: bytes) -> Asked:
    fields = _decode_count(body)
    return Asked(model=fields.model, wants_cost=fields.wants_cost)


def _error_event(body: bytes) -> bytes:
    return b"event: error\ndata: %b\n\n" % body


MESSAGES = Endpoint(
    name="messages",
    path=b"/v1/messages",
    engine_path=b"/v1/messages",
    task=Task.GENERATE,
    dialect=Dialect.ANTHROPIC,
    output=OutputKind.TOKENS,
    fields=frozenset(_FIELDS),
    prompt_fields=("messages",),
    ceiling_field="max_tokens",
    read=_read,
    usage=usage.of_message,
    stream=usage.StreamForm(
        final_marks=(b'"type":"message_delta"',),
        final_usage=usage.of_message,
        usage_path=("usage",),
        error_mark=b"event: error\ndata:",
        final_is_usage_only=False,
        has_running_usage=False,
    ),
    error_event=_error_event,
)
COUNT_TOKENS = Endpoint(
    name="messages.count_tokens",
    path=b"/v1/messages/count_tokens",
    engine_path=b"/v1/messages/count_tokens",
    task=Task.GENERATE,
    dialect=Dialect.ANTHROPIC,
    output=OutputKind.COUNT,
    fields=frozenset(_PROMPT),
    prompt_fields=("messages",),
    ceiling_field=None,
    read=_read_count,
    usage=usage.of_count,
    stream=None,
)
