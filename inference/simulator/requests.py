"""The bodies of calls, decoded as leniently as vLLM does: unknown fields are ignored
and "5" is a number.
"""

import re
from typing import Any, Literal, TypeVar

import msgspec

from inference.simulator import errors

_POSITION = re.compile(r"byte (\d+)")
_MISSING = re.compile(r"missing required field `(\w+)`")


class StreamOptions(msgspec.Struct):
    include_usage: bool | None = False
    continuous_usage_stats: bool | None = False


class Message(msgspec.Struct):
    role: str
    content: str | list[dict[str, Any]] | None = ""
    """Only an assistant's may be null; anybody's may be left out."""


class SamplingBody(msgspec.Struct, kw_only=True):
    model: str | None = None
    max_tokens: int | None = None
    min_tokens: int = 0
    n: int | None = 1
    seed: int | None = None
    stop: str | list[str] | None = None
    stop_token_ids: list[int] | None = None
    include_stop_str_in_output: bool = False
    ignore_eos: bool = False
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    temperature: float | None = None
    top_p: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    cache_salt: str | None = None
    kv_transfer_params: dict[str, Any] | None = None
    request_id: str | None = None
    return_token_ids: bool | None = None


class ChatBody(SamplingBody, kw_only=True):
    messages: list[Message]
    add_generation_prompt: bool = True
    max_completion_tokens: int | None = None
    logprobs: bool | None = False
    top_logprobs: int | None = 0
    tools: list[Any] | None = None
    tool_choice: Any = None


class CompletionBody(SamplingBody, kw_only=True):
    prompt: str | list[str | int | list[int]] | None = None
    max_tokens: int | None = 16
    logprobs: int | None = None
    echo: bool | None = False
    suffix: str | None = None


class ResponseBody(msgspec.Struct, kw_only=True):
    input: str | list[dict[str, Any]]
    background: bool | None = False
    cache_salt: str | None = None
    frequency_penalty: float | None = None
    ignore_eos: bool = False
    include: list[str] | None = None
    include_stop_str_in_output: bool = False
    instructions: str | None = None
    kv_transfer_params: dict[str, Any] | None = None
    max_output_tokens: int | None = None
    max_tool_calls: int | None = None
    metadata: dict[str, str] | None = None
    model: str | None = None
    parallel_tool_calls: bool | None = True
    presence_penalty: float | None = None
    previous_response_id: str | None = None
    prompt: dict[str, Any] | None = None
    reasoning: dict[str, Any] | None = None
    request_id: str | None = None
    seed: int | None = None
    service_tier: str = "auto"
    stop: str | list[str] | None = None
    stop_token_ids: list[int] | None = None
    store: bool | None = True
    stream: bool | None = False
    temperature: float | None = None
    text: dict[str, Any] | None = None
    tool_choice: str | dict[str, Any] = "auto"
    tools: list[dict[str, Any]] = []
    top_logprobs: int | None = 0
    top_p: float | None = None
    truncation: str | None = "disabled"
    user: str | None = None

    @property
    def tells_logprobs(self) -> bool:
        return "message.output_text.logprobs" in (self.include or ())


class MessageBlock(msgspec.Struct, kw_only=True):
    """A content block of a message; what its type does not use is left out."""

    type: str
    text: str | None = None
    content: str | list[dict[str, Any]] | None = None


class TurnBody(msgspec.Struct):
    role: Literal["user", "assistant", "system"]
    content: str | list[MessageBlock]


class CountBody(msgspec.Struct, kw_only=True):
    model: str
    messages: list[TurnBody]
    system: str | list[MessageBlock] | None = None
    thinking: dict[str, Any] | None = None
    tool_choice: dict[str, Any] | None = None
    tools: list[dict[str, Any]] | None = None


class MessagesBody(CountBody, kw_only=True):
    max_tokens: int
    cache_salt: str | None = None
    kv_transfer_params: dict[str, Any] | None = None
    stop_sequences: list[str] | None = None
    stream: bool | None = False
    temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = None


class EmbeddingBody(msgspec.Struct, kw_only=True):
    model: str | None = None
    input: str | list[str | int | list[int]] | None = None
    messages: list[Message] | None = None
    dimensions: int | None = None
    encoding_format: Literal["float", "base64"] = "float"
    truncate_prompt_tokens: int | None = None
    cache_salt: str | None = None


class ImageBody(msgspec.Struct, kw_only=True):
    prompt: str
    model: str | None = None
    n: int | None = 1
    size: str | None = None
    seed: int | None = None
    stream: bool | None = False
    cache_salt: str | None = None


class TokenizeBody(msgspec.Struct):
    model: str | None = None
    prompt: str | None = None
    messages: list[Message] | None = None
    add_generation_prompt: bool = True
    return_token_strs: bool | None = False


class DetokenizeBody(msgspec.Struct):
    tokens: list[int]
    model: str | None = None


_Body = TypeVar("_Body", bound=msgspec.Struct)


def decode(raw: bytes, decoder: msgspec.json.Decoder[_Body]) -> _Body:
    """Raises Refusal: 400 for what is not JSON and for fields of a wrong type."""
    if not raw:
        raise errors.invalid_body("{'type': 'missing', 'msg': 'Field required'}")
    try:
        return decoder.decode(raw)
    except msgspec.ValidationError as problem:
        raise errors.invalid_body(
            str(problem), param_of(str(problem), "body")
        ) from problem
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        position = _POSITION.search(str(problem))
        raise errors.invalid_body(
            f"{{'type': 'json_invalid', 'msg': 'JSON decode error: {problem}'}}",
            f"body.{position[1] if position else 0}",
        ) from problem


def param_of(problem: str, root: str) -> str:
    """`$.messages[0].role` becomes `body.messages.0.role`; so does a missing field."""
    _, _, path = problem.partition(" - at `$")
    param = root + path.rstrip("`").replace("[", ".").replace("]", "")
    missing = _MISSING.search(problem)
    return f"{param}.{missing[1]}" if missing else param
