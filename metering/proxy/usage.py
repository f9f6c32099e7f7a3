"""What an engine says a call used, in each of the forms that it says it in."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from metering.domain.amounts import decimal_amount
from metering.domain.leased import split_input
from metering.wire import PriceVector


class InvalidAnswerError(Exception):
    """The engine's answer breaks its framing, its form or its own arithmetic."""


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """Zero is a value."""

    input_tokens: int
    """All tokens of the prompt, the cached ones included."""
    cached_input_tokens: int = 0
    cache_write_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    images: int = 0
    """Images made."""
    leased_input_tokens: int = 0
    """At the prompt's beginning, paid for by a lease. No engine says it: we do."""


_TOKENS_MAX = 2**31 - 1
"""Of one call; more is no use but a broken counter, and no column holds it."""
NOTHING = Usage(input_tokens=0)
ReadUsage = Callable[[bytes], Usage | None]
"""Of a JSON answer or event; None: it has none.

Raises InvalidAnswerError for what is no JSON and for impossible numbers."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamForm:
    """How the usage of a stream is found."""

    final_marks: tuple[bytes, ...]
    """One is in the event with the final usage. In a tenant's text quotes are escaped,
    so that no text can look like a mark."""
    final_usage: ReadUsage
    """Of the data of that event."""
    usage_path: tuple[str, ...]
    """Where in that data the usage is."""
    error_mark: bytes
    """In an event by which the engine says that it failed."""
    final_is_usage_only: bool
    """The event tells nothing but the usage, and is left out unless asked for."""
    has_running_usage: bool
    """Every event has the usage so far."""
    token_mark: bytes = b""
    """In every event that has output; empty: no event comes before the first token."""


class _PromptDetails(msgspec.Struct):
    cached_tokens: int | None = None
    created_cache_tokens: int | None = None


class _OutputDetails(msgspec.Struct):
    reasoning_tokens: int | None = None


class _Completion(msgspec.Struct):
    prompt_tokens: int
    completion_tokens: int | None = None
    prompt_tokens_details: _PromptDetails | None = None
    completion_tokens_details: _OutputDetails | None = None


class _CompletionAnswer(msgspec.Struct):
    usage: _Completion | None = None


class _InputDetails(msgspec.Struct):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


class _Response(msgspec.Struct):
    input_tokens: int
    output_tokens: int
    input_tokens_details: _InputDetails | None = None
    output_tokens_details: _OutputDetails | None = None


class _ResponseAnswer(msgspec.Struct):
    usage: _Response | None = None


class _ResponseEvent(msgspec.Struct):
    response: _ResponseAnswer


class _Message(msgspec.Struct):
    input_tokens: int
    output_tokens: int
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None


class _MessageAnswer(msgspec.Struct):
    usage: _Message | None = None


class _ImagesAnswer(msgspec.Struct):
    data: list[msgspec.Raw]


_completion_answer = msgspec.json.Decoder(_CompletionAnswer).decode
_response_answer = msgspec.json.Decoder(_ResponseAnswer).decode
_response_event = msgspec.json.Decoder(_ResponseEvent).decode
_message_answer = msgspec.json.Decoder(_MessageAnswer).decode
_images_answer = msgspec.json.Decoder(_ImagesAnswer).decode


def of_completion(answer: bytes) -> Usage | None:
    """Of chat, completions and embeddings: answers, and events of streams."""
    found = _decoded(_completion_answer, answer).usage
    if found is None:
        return None
    prompt, output = found.prompt_tokens_details, found.completion_tokens_details
    return _checked(
        Usage(
            input_tokens=found.prompt_tokens,
            cached_input_tokens=(prompt and prompt.cached_tokens) or 0,
            cache_write_tokens=(prompt and prompt.created_cache_tokens) or 0,
            output_tokens=found.completion_tokens or 0,
            reasoning_tokens=(output and output.reasoning_tokens) or 0,
        )
    )


def of_response(answer: bytes) -> Usage | None:
    """Of a whole answer of `/v1/responses`."""
    return _response_usage(_decoded(_response_answer, answer).usage)


def of_response_event(event: bytes) -> Usage | None:
    """Of the event that ends a stream of `/v1/responses`."""
    return _response_usage(_decoded(_response_event, event).response.usage)


def of_message(answer: bytes) -> Usage | None:
    """Of `/v1/messages`: an answer or an event. Its `input_tokens` leave out what was
    read from the cache and what was written to it.
    """
    found = _decoded(_message_answer, answer).usage
    if found is None:
        return None
    read = found.cache_read_input_tokens or 0
    written = found.cache_creation_input_tokens or 0
    return _checked(
        Usage(
            input_tokens=found.input_tokens + read + written,
            cached_input_tokens=read,
            cache_write_tokens=written,
            output_tokens=found.output_tokens,
        )
    )


def of_images(answer: bytes) -> Usage | None:
    """Of `/v1/images/generations`. An image has one price: the tokens that an engine
    may say it took are not charged beside it.
    """
    return Usage(input_tokens=0, images=len(_decoded(_images_answer, answer).data))


def of_count(answer: bytes) -> Usage | None:
    """Counting tokens uses none."""
    _decoded(msgspec.json.decode, answer)
    return NOTHING


def _response_usage(found: _Response | None) -> Usage | None:
    if found is None:
        return None
    prompt, output = found.input_tokens_details, found.output_tokens_details
    return _checked(
        Usage(
            input_tokens=found.input_tokens,
            cached_input_tokens=(prompt and prompt.cached_tokens) or 0,
            cache_write_tokens=(prompt and prompt.cache_write_tokens) or 0,
            output_tokens=found.output_tokens,
            reasoning_tokens=(output and output.reasoning_tokens) or 0,
        )
    )


def _decoded(decode: Callable[[bytes], T], answer: bytes) -> T:
    try:
        return decode(answer)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidAnswerError(str(error)) from None


def _checked(usage: Usage) -> Usage:
    is_possible = (
        0 <= usage.cached_input_tokens <= usage.input_tokens <= _TOKENS_MAX
        and 0 <= usage.reasoning_tokens <= usage.output_tokens <= _TOKENS_MAX
        and 0 <= usage.cache_write_tokens <= _TOKENS_MAX
    )
    if not is_possible:
        raise InvalidAnswerError(f"impossible usage {usage}")
    return usage


def cost_femtos(usage: Usage, price: PriceVector) -> int:
    """Exact: rates are nanos per million units, so a unit costs steps of 10^-15."""
    cached = usage.cached_input_tokens
    new = usage.input_tokens - cached
    if usage.leased_input_tokens:
        new, cached, _, _ = split_input(
            input_tokens=usage.input_tokens,
            cached_input_tokens=cached,
            leased_input_tokens=usage.leased_input_tokens,
        )
    return (
        new * price.new_input_nanos_per_million
        + cached * price.cached_input_nanos_per_million
        + usage.output_tokens * price.output_nanos_per_million
        + usage.images * (price.image_nanos_per_million or 0)
    )


def cost_nanos(usage: Usage, price: PriceVector) -> int:
    """Rounded up, so that what the money limits were charged is never too little."""
    return -(-cost_femtos(usage, price) // 1_000_000)


def amount_text(femtos: int) -> str:
    """As `usage.cost` says it."""
    return decimal_amount(femtos, digits=15)
