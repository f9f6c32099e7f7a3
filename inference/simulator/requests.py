"""The bodies of calls, decoded as leniently as vLLM does: unknown fields are ignored
and "5" is a number.
"""

from typing import Any, TypeVar

import msgspec

from inference.simulator import errors


class StreamOptions(msgspec.Struct):
    include_usage: bool | None = False
    continuous_usage_stats: bool | None = False


class Message(msgspec.Struct):
    role: str
    content: str | list[dict[str, Any]] | None = None


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
    cache_salt: str | None = None
    request_id: str | None = None


class ChatBody(SamplingBody, kw_only=True):
    messages: list[Message]
    max_completion_tokens: int | None = None
    logprobs: bool | None = False
    tools: list[Any] | None = None
    tool_choice: Any = None


class CompletionBody(SamplingBody, kw_only=True):
    prompt: str | list[str | int | list[int]] | None = None
    max_tokens: int | None = 16
    logprobs: int | None = None
    echo: bool | None = False


class TokenizeBody(msgspec.Struct):
    model: str | None = None
    prompt: str | None = None
    messages: list[Message] | None = None
    return_token_strs: bool | None = False


_Body = TypeVar("_Body", ChatBody, CompletionBody, TokenizeBody)


def decode(raw: bytes, decoder: msgspec.json.Decoder[_Body]) -> _Body:
    """Raises Refusal: 400 for what is not JSON and for fields of a wrong type."""
    try:
        return decoder.decode(raw)
    except msgspec.ValidationError as problem:
        _, _, path = str(problem).partition(" - at `$")
        param = "body" + path.rstrip("`")
        raise errors.invalid_body(str(problem), param) from problem
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        raise errors.invalid_body(f"JSON decode error: {problem}") from problem
