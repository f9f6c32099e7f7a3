"""OpenAI's chat completions and completions."""

from typing import Annotated

import msgspec
from msgspec import Meta

from inference.wire import Task
from metering.proxy import usage
from metering.proxy.errors import Dialect
from metering.proxy.settings import SAMPLES_MAX
from metering.proxy.transform.endpoint import (
    Asked,
    Endpoint,
    Fields,
    OutputKind,
    PositiveInt,
    StreamOptions,
)

# OpenAI's sampling fields and those of vLLM's own that are safe in a tenant's hands.
_SAMPLING = {
    "model", "stream", "n", "max_tokens", "temperature", "top_p",
    "frequency_penalty", "presence_penalty", "repetition_penalty", "length_penalty",
    "top_k", "min_p", "seed", "stop", "stop_token_ids", "include_stop_str_in_output",
    "min_tokens", "ignore_eos", "logit_bias", "logprobs", "bad_words",
    "allowed_token_ids", "skip_special_tokens", "spaces_between_special_tokens",
    "truncate_prompt_tokens", "truncation_side", "add_special_tokens",
    "response_format", "structured_outputs", "repetition_detection",
    "thinking_token_budget", "echo", "user", "return_token_ids",
    "return_tokens_as_token_ids",
}  # fmt: skip
_CHAT = _SAMPLING | {
    "messages", "max_completion_tokens", "top_logprobs", "tools", "tool_choice",
    "parallel_tool_calls", "reasoning_effort", "include_reasoning",
    "add_generation_prompt", "continue_final_message",
}  # fmt: skip
_OPENAI_COMPLETIONS_CEILING = 16
"""What both OpenAI and vLLM take for an absent `max_tokens` of `/v1/completions`."""


class _Sampling(Fields, kw_only=True):
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: Annotated[int, Meta(ge=1, le=SAMPLES_MAX)] | None = None
    max_tokens: PositiveInt | msgspec.UnsetType | None = msgspec.UNSET


class _Chat(_Sampling, kw_only=True):
    max_completion_tokens: PositiveInt | None = None


_decode_chat = msgspec.json.Decoder(_Chat).decode
_decode_completion = msgspec.json.Decoder(_Sampling).decode


def _asked(fields: _Sampling, *, output_ceiling: int | None) -> Asked:
    options = fields.stream_options
    return Asked(
        model=fields.model,
        wants_cost=fields.wants_cost,
        is_streamed=bool(fields.stream),
        wants_usage=fields.wants_cost or bool(options and options.include_usage),
        wants_running_usage=bool(options and options.continuous_usage_stats),
        samples=fields.n or 1,
        output_ceiling=output_ceiling,
    )


def _read_chat(body: bytes) -> Asked:
    fields = _decode_chat(body)
    older = fields.max_tokens if isinstance(fields.max_tokens, int) else None
    return _asked(fields, output_ceiling=fields.max_completion_tokens or older)


def _read_completion(body: bytes) -> Asked:
    fields = _decode_completion(body)
    ceiling = fields.max_tokens
    if ceiling is msgspec.UNSET:
        ceiling = _OPENAI_COMPLETIONS_CEILING
    return _asked(fields, output_ceiling=ceiling)


_STREAM = usage.StreamForm(
    final_marks=(b'"choices":[]',),
    final_usage=usage.of_completion,
    usage_path=("usage",),
    error_mark=b'data: {"error":',
    final_is_usage_only=True,
    has_running_usage=True,
)
CHAT_COMPLETIONS = Endpoint(
    name="chat.completions",
    path=b"/v1/chat/completions",
    engine_path=b"/v1/chat/completions",
    task=Task.GENERATE,
    dialect=Dialect.OPENAI,
    output=OutputKind.TOKENS,
    fields=frozenset(_CHAT),
    prompt_fields=("messages",),
    ceiling_field="max_completion_tokens",
    read=_read_chat,
    usage=usage.of_completion,
    stream=_STREAM,
)
COMPLETIONS = Endpoint(
    name="completions",
    path=b"/v1/completions",
    engine_path=b"/v1/completions",
    task=Task.GENERATE,
    dialect=Dialect.OPENAI,
    output=OutputKind.TOKENS,
    fields=frozenset(_SAMPLING | {"prompt", "suffix"}),
    prompt_fields=("prompt",),
    ceiling_field="max_tokens",
    read=_read_completion,
    usage=usage.of_completion,
    stream=_STREAM,
)
