"""The tenant's body in, the engine's body out: an allow-list, our salt, our options.

Values are carried as raw JSON slices: what the proxy does not need it neither parses
nor changes. Each key is written once, so that no second reading of a doubled key can
slip by the list.
"""

from dataclasses import dataclass
from typing import Annotated

import msgspec
from msgspec import Meta, Raw

from metering.proxy import errors
from metering.proxy.errors import RefusedError
from metering.proxy.settings import SAMPLES_MAX

# OpenAI's sampling fields and those of vLLM's own that are safe in a tenant's hands.
_SAMPLING = {
    "model", "stream", "stream_options", "n", "max_tokens", "temperature", "top_p",
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
_COMPLETIONS = _SAMPLING | {"prompt", "suffix"}
# Accepted and left out. The first lines are the engine's own, never a tenant's to set:
# they reach other tenants' blocks, the scheduler, or code paths that cost us. The last
# ones are OpenAI's, without effect on an engine of ours.
_DROPPED = {
    "cache_salt", "kv_transfer_params", "ec_transfer_params", "vllm_xargs",
    "session_id", "request_id", "priority", "chat_template", "chat_template_kwargs",
    "mm_processor_kwargs", "media_io_kwargs", "mm_payload", "return_mm_kwargs",
    "use_beam_search", "routed_experts_prompt_start", "stream_interval", "documents",
    "return_prompt_text", "return_token_offsets", "prompt_logprobs",
    "logprob_token_ids", "watermarking", "prompt_embeds", "kv_transfer",
    "metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key",
    "prompt_cache_options", "prompt_cache_retention", "verbosity", "moderation",
    "prediction", "best_of",
}  # fmt: skip
_OPENAI_COMPLETIONS_CEILING = 16
"""What both OpenAI and vLLM take for an absent `max_tokens` of `/v1/completions`."""
_LOGIT_BIAS_BYTES_MAX = 8192

_PositiveInt = Annotated[int, Meta(ge=1)]


class _StreamOptions(msgspec.Struct):
    include_usage: bool | None = None


class _Fields(msgspec.Struct):
    """The fields that the proxy itself acts on."""

    model: str
    stream: bool | None = None
    stream_options: _StreamOptions | None = None
    n: Annotated[int, Meta(ge=1, le=SAMPLES_MAX)] | None = None
    max_tokens: _PositiveInt | msgspec.UnsetType | None = msgspec.UNSET
    max_completion_tokens: _PositiveInt | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One metered route."""

    name: str
    """As in usage events."""
    path: bytes
    fields: frozenset[str]
    prompt_field: str


CHAT_COMPLETIONS = Endpoint(
    name="chat.completions",
    path=b"/v1/chat/completions",
    fields=frozenset(_CHAT),
    prompt_field="messages",
)
COMPLETIONS = Endpoint(
    name="completions",
    path=b"/v1/completions",
    fields=frozenset(_COMPLETIONS),
    prompt_field="prompt",
)
ENDPOINTS = {one.path: one for one in (CHAT_COMPLETIONS, COMPLETIONS)}


class ParsedRequest(msgspec.Struct, kw_only=True):
    endpoint: Endpoint
    raw: dict[str, Raw]
    model: str
    is_streamed: bool
    wants_usage: bool
    """The client of a stream asked for the final usage chunk itself."""
    samples: int
    output_ceiling: int | None
    """Per sample; None: up to the model's context."""
    prompt_bytes: int


_decode_raw = msgspec.json.Decoder(dict[str, Raw]).decode
_decode_fields = msgspec.json.Decoder(_Fields).decode
_encode = msgspec.json.Encoder().encode
_STREAM_OPTIONS = Raw(b'{"include_usage":true,"continuous_usage_stats":true}')


def parse(endpoint: Endpoint, body: bytes) -> ParsedRequest:
    """Raises RefusedError with the field at fault."""
    try:
        body.decode()  # a raw slice would carry what is not UTF-8 to the engine
        raw = _decode_raw(body)
        fields = _decode_fields(body)
    except msgspec.ValidationError as error:
        raise _invalid_field(str(error), body) from None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise RefusedError(
            errors.INVALID_JSON, f"The body is not valid JSON: {error}."
        ) from None
    _refuse_unknown_fields(endpoint, raw)
    if endpoint.prompt_field not in raw:
        raise _missing(endpoint.prompt_field)
    if len(raw.get("logit_bias", b"")) > _LOGIT_BIAS_BYTES_MAX:
        raise RefusedError(
            errors.INVALID_VALUE, "logit_bias has too many entries.", param="logit_bias"
        )
    options = fields.stream_options
    prompt_bytes = len(raw[endpoint.prompt_field]) + len(raw.get("tools", b""))
    return ParsedRequest(
        endpoint=endpoint,
        raw=raw,
        model=fields.model,
        is_streamed=bool(fields.stream),
        wants_usage=bool(options and options.include_usage),
        samples=fields.n or 1,
        output_ceiling=_output_ceiling(endpoint, fields),
        prompt_bytes=prompt_bytes,
    )


def rewrite(request: ParsedRequest, *, model: str, cache_salt: str) -> bytes:
    """The body for the engine, which knows the model as `model`."""
    body = {name: value for name, value in request.raw.items() if name not in _DROPPED}
    body["model"] = Raw(_encode(model))
    body["cache_salt"] = Raw(_encode(cache_salt))
    if request.is_streamed:
        body["stream_options"] = _STREAM_OPTIONS
    else:
        body.pop("stream_options", None)
    return _encode(body)


def _output_ceiling(endpoint: Endpoint, fields: _Fields) -> int | None:
    if fields.max_completion_tokens is not None:
        return fields.max_completion_tokens
    if isinstance(fields.max_tokens, int):
        return fields.max_tokens
    if endpoint is COMPLETIONS and fields.max_tokens is msgspec.UNSET:
        return _OPENAI_COMPLETIONS_CEILING
    return None


def _refuse_unknown_fields(endpoint: Endpoint, raw: dict[str, Raw]) -> None:
    for name in raw:
        if name not in endpoint.fields and name not in _DROPPED:
            raise RefusedError(
                errors.UNKNOWN_PARAMETER,
                f"Unrecognized request argument: {name[:100]}.",
                param=name[:100],
            )


def _missing(name: str) -> RefusedError:
    return RefusedError(
        errors.MISSING_PARAMETER, f"You must provide {name}.", param=name
    )


def _invalid_field(message: str, body: bytes) -> RefusedError:
    """Msgspec says e.g. "Expected `int`, got `str` - at `$.n`"."""
    if "missing required field `model`" in message:
        return _missing("model")
    what, _, path = message.partition(" - at ")
    param = path.strip("`").removeprefix("$").removeprefix(".") or None
    if param is None and not body.lstrip().startswith(b"{"):
        what = "The body must be a JSON object"
    return RefusedError(
        errors.INVALID_VALUE,
        f"Invalid value{f' for {param}' if param else ''}: {what}.",
        param=param,
    )
