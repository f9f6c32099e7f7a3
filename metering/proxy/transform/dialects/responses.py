"""OpenAI's responses."""

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

_FIELDS = {
    "model", "input", "instructions", "max_output_tokens", "max_tool_calls", "stream",
    "tools", "tool_choice", "parallel_tool_calls", "temperature", "top_p", "top_k",
    "min_p", "top_logprobs", "include", "text", "reasoning", "include_reasoning",
    "user", "logit_bias", "presence_penalty", "frequency_penalty",
    "repetition_penalty", "seed", "stop", "stop_token_ids", "ignore_eos",
    "skip_special_tokens", "include_stop_str_in_output", "structured_outputs",
    "metadata", "previous_response_id",
}  # fmt: skip


class _Response(Fields, kw_only=True):
    stream: bool | None = None
    store: bool | None = None
    background: bool | None = None
    max_output_tokens: PositiveInt | None = None


_decode = msgspec.json.Decoder(_Response).decode


def _read(body: bytes) -> Asked:
    fields = _decode(body)
    return Asked(
        model=fields.model,
        wants_cost=fields.wants_cost,
        is_streamed=bool(fields.stream),
        output_ceiling=fields.max_output_tokens,
    )


def _error_event(body: bytes) -> bytes:
    """OpenAI's error event has the error's members at its top."""
    error = msgspec.json.decode(body)["error"]
    event = {**error, "type": "error", "sequence_number": 0}
    return b"event: error\ndata: %b\n\n" % msgspec.json.encode(event)


RESPONSES = Endpoint(
    name="responses",
    path=b"/v1/responses",
    engine_path=b"/v1/responses",
    task=Task.GENERATE,
    dialect=Dialect.OPENAI,
    output=OutputKind.TOKENS,
    fields=frozenset(_FIELDS),
    prompt_fields=("input",),
    ceiling_field="max_output_tokens",
    read=_read,
    usage=usage.of_response,
    stream=usage.StreamForm(
        final_marks=(
            b'"type":"response.completed"',
            b'"type":"response.incomplete"',
            b'"type":"response.failed"',
        ),
        final_usage=usage.of_response_event,
        usage_path=("response", "usage"),
        error_mark=b"event: error\ndata:",
        final_is_usage_only=False,
        has_running_usage=False,
        token_mark=b'.delta"',
    ),
    error_event=_error_event,
)
