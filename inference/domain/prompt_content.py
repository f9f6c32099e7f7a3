"""The content of a cached prompt: messages and tools, as they were sent."""

from dataclasses import dataclass
from typing import Any

import msgspec

from inference.domain.prompt_digest import prompt_digest

CONTENT_BYTES_MAX = 1_048_576
MESSAGES_MAX = 1_000
NULL = msgspec.Raw(b"null")


class ContentError(ValueError):
    """The text says how to mend it."""

    def __init__(self, message: str, *, param: str) -> None:
        super().__init__(message)
        self.param = param


class ContentTooLargeError(ContentError):
    pass


@dataclass(frozen=True, kw_only=True)
class PromptContent:
    text: str
    """JSON: {"messages": [...], "tools": [...] | null}, in the caller's order."""
    sha256: str
    """Hexadecimal; equal for contents that are equal as JSON."""
    message_count: int


def read_content(messages: msgspec.Raw, tools: msgspec.Raw) -> PromptContent:
    """Of the members of a request's body; no tools are NULL. Raises ContentError."""
    text = _text(messages, tools)
    if len(text) > CONTENT_BYTES_MAX:
        raise ContentTooLargeError(
            f"The prompt has {len(text)} bytes as JSON, and may have "
            f"{CONTENT_BYTES_MAX}. Shorten it, or make several.",
            param="messages",
        )
    try:
        return _checked(text, msgspec.json.decode(text))
    except RecursionError:
        raise ContentError(
            "The prompt is nested too deeply.", param="messages"
        ) from None


def _text(messages: msgspec.Raw, tools: msgspec.Raw) -> bytes:
    """An empty list of tools is none, and engines refuse it."""
    shown = NULL if bytes(tools).translate(None, b" \t\r\n") == b"[]" else tools
    return msgspec.json.encode({"messages": messages, "tools": shown})


def _checked(text: bytes, decoded: dict[str, Any]) -> PromptContent:
    messages, tools = decoded["messages"], decoded["tools"]
    if not isinstance(messages, list) or not 1 <= len(messages) <= MESSAGES_MAX:
        raise ContentError(
            f"Invalid value for messages: expected a list of 1 to {MESSAGES_MAX}.",
            param="messages",
        )
    for number, message in enumerate(messages):
        _check_message(message, f"messages[{number}]")
    if tools is not None:
        _check_tools(tools)
    return PromptContent(
        text=text.decode(),
        sha256=prompt_digest(messages, tools),
        message_count=len(messages),
    )


def _check_message(message: Any, param: str) -> None:
    if not isinstance(message, dict):
        raise ContentError(
            f"Invalid value for {param}: expected an object.", param=param
        )
    role = message.get("role")
    if not isinstance(role, str) or not role:
        raise ContentError(
            f"Invalid value for {param}.role: expected one such as `system` or `user`.",
            param=f"{param}.role",
        )
    content = message.get("content")
    is_call = role == "assistant" and message.get("tool_calls")
    if not isinstance(content, str | list) and not (content is None and is_call):
        raise ContentError(
            f"Invalid value for {param}.content: expected a text or a list of parts.",
            param=f"{param}.content",
        )


def _check_tools(tools: Any) -> None:
    if not isinstance(tools, list) or not all(isinstance(one, dict) for one in tools):
        raise ContentError(
            "Invalid value for tools: expected a list of objects.", param="tools"
        )
