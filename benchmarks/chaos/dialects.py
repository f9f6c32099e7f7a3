"""What clients send at each endpoint, and what an answer says that it used."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a complete answer says of itself."""

    input_tokens: int
    cached_input_tokens: int
    output_tokens: int
    cost_nanos: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    path: str
    body: Callable[[str, int], dict[str, Any]]
    """Of a text and a ceiling of the output."""
    stream_options: Mapping[str, Any]
    ends: frozenset[str]
    """Types of the event that ends a stream; empty: it ends with `[DONE]`."""
    usage: Callable[[Document], Document]
    """That of one document, of a stream or whole; empty where it has none."""
    said: Callable[[Document], Said]


def _said(names: tuple[str, str, str]) -> Callable[[Document], Said]:
    input_name, output_name, details = names

    def read(usage: Document) -> Said:
        return Said(
            input_tokens=usage[input_name],
            cached_input_tokens=(usage.get(details) or {}).get("cached_tokens", 0),
            output_tokens=usage[output_name],
            cost_nanos=_nanos(usage["cost"]),
        )

    return read


def _said_by_message(usage: Document) -> Said:
    """Anthropic's input leaves out what was read from the cache or written to it."""
    cached = usage.get("cache_read_input_tokens") or 0
    written = usage.get("cache_creation_input_tokens") or 0
    return Said(
        input_tokens=usage["input_tokens"] + cached + written,
        cached_input_tokens=cached,
        output_tokens=usage["output_tokens"],
        cost_nanos=_nanos(usage["cost"]),
    )


def _nanos(cost: str) -> int:
    """Rounded up, as events are."""
    return -int(-Decimal(cost) * 1_000_000_000 // 1)


def _messages(field: str) -> Callable[[str, int], dict[str, Any]]:
    return lambda text, most: {
        "messages": [{"role": "user", "content": text}],
        field: most,
    }


def _plain_usage(document: Document) -> Document:
    return document.get("usage") or {}


def _response_usage(document: Document) -> Document:
    return (document.get("response") or document).get("usage") or {}


def _message_usage(document: Document) -> Document:
    return (document.get("message") or document).get("usage") or {}


def text_of(document: Document) -> str:
    """What a chat's answer, or one event of its stream, says; else nothing."""
    for choice in document.get("choices") or ():
        said = choice.get("message") or choice.get("delta") or {}
        return str(said.get("content") or "")
    return ""


_INCLUDE = {"stream_options": {"include_usage": True}}
_OPENAI = _said(("prompt_tokens", "completion_tokens", "prompt_tokens_details"))
CHAT = Dialect(
    path="/v1/chat/completions",
    body=_messages("max_tokens"),
    stream_options=_INCLUDE,
    ends=frozenset(),
    usage=_plain_usage,
    said=_OPENAI,
)
DIALECTS = (
    CHAT,
    Dialect(
        path="/v1/completions",
        body=lambda text, most: {"prompt": text, "max_tokens": most},
        stream_options=_INCLUDE,
        ends=frozenset(),
        usage=_plain_usage,
        said=_OPENAI,
    ),
    Dialect(
        path="/v1/responses",
        body=lambda text, most: {"input": text, "max_output_tokens": most},
        stream_options={},
        ends=frozenset({"response.completed", "response.incomplete"}),
        usage=_response_usage,
        said=_said(("input_tokens", "output_tokens", "input_tokens_details")),
    ),
    Dialect(
        path="/v1/messages",
        body=_messages("max_tokens"),
        stream_options={},
        ends=frozenset({"message_stop"}),
        usage=_message_usage,
        said=_said_by_message,
    ),
)
