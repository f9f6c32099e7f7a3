"""The text of a call, made legible: who said what, and the answer in one piece."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from metering.text_models import KeptText

_decode = msgspec.json.Decoder().decode
_CONVERSATIONS = ("messages", "input")
_TEXTS = ("prompt", "input", "instructions", "system")


@dataclass(frozen=True, kw_only=True)
class Turn:
    role: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Said:
    turns: list[Turn]
    """Of the request, in order; empty: it was cut, and is shown as it is."""
    answer: str
    """Empty: it has no text, and is shown as it is."""
    request_source: str
    answer_source: str
    is_cut: bool


def read_said(kept: KeptText) -> Said:
    request, answer = _read(kept.request), _read(kept.answer)
    return Said(
        turns=list(_turns(request)) if isinstance(request, dict) else [],
        answer=_streamed(kept.answer) if kept.is_streamed else _answered(answer),
        request_source=_pretty(request, kept.request),
        answer_source=_pretty(answer, kept.answer),
        is_cut=kept.is_cut,
    )


def _read(source: str) -> Any:
    """None: it was cut, or is no JSON."""
    try:
        return _decode(source)
    except msgspec.DecodeError:
        return None


def _pretty(document: Any, source: str) -> str:
    if document is None:
        return source
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode()


def _turns(request: dict[str, Any]) -> Iterator[Turn]:
    for name in _TEXTS:
        if isinstance(text := request.get(name), str):
            yield Turn(
                role="system" if name in {"instructions", "system"} else "user",
                text=text,
            )
    for name in _CONVERSATIONS:
        for item in (
            request.get(name) or () if isinstance(request.get(name), list) else ()
        ):
            if isinstance(item, dict):
                text = _text_of(item.get("content"))
                yield Turn(role=str(item.get("role", item.get("type", ""))), text=text)
            elif isinstance(item, str):
                yield Turn(role="user", text=item)


def _text_of(content: Any) -> str:
    """Of a message: text, or a list of parts of which some are text."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else ()
    return "\n".join(
        str(part["text"]) if "text" in part else f"[{part.get('type', 'part')}]"
        for part in parts
        if isinstance(part, dict)
    )


def _answered(answer: Any) -> str:
    if not isinstance(answer, dict):
        return ""
    return "\n".join(filter(None, _texts_of(answer)))


def _texts_of(answer: dict[str, Any]) -> Iterator[str]:
    for choice in _dicts(answer.get("choices")):  # chat, completions
        yield _text_of(
            (choice.get("message") or {}).get("content") or choice.get("text")
        )
    for item in _dicts(answer.get("output")):  # responses
        yield _text_of(item.get("content"))
    if isinstance(answer.get("content"), list):  # messages
        yield _text_of(answer["content"])


def _streamed(source: str) -> str:
    """What the events of a stream add up to, in whichever dialect."""
    return "".join(_delta(event) for event in _events(source))


def _events(source: str) -> Iterator[dict[str, Any]]:
    for line in source.splitlines():
        if line.startswith("data:") and isinstance(event := _read(line[5:]), dict):
            yield event


def _delta(event: dict[str, Any]) -> str:
    if event.get("type") == "response.output_text.delta":  # responses
        return str(event.get("delta", ""))
    if event.get("type") == "content_block_delta":  # messages
        return str((event.get("delta") or {}).get("text", ""))
    return "".join(  # chat, completions
        str((choice.get("delta") or {}).get("content") or choice.get("text") or "")
        for choice in _dicts(event.get("choices"))
    )


def _dicts(found: Any) -> Iterable[dict[str, Any]]:
    items = found if isinstance(found, list) else ()
    return [item for item in items if isinstance(item, dict)]
