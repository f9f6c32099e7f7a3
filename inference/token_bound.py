"""How many tokens a prompt can have at most, from its bytes alone.

For a byte-level tokenizer a token is at least one byte of the text that it is made
from, and a special token is one token. The text is what the caller wrote, once and
unchanged, and what the chat template adds. That addition is measured when the model is
loaded, by rendering marked messages; a template that does more than add (that repeats,
escapes or drops what it is given) has no bound.
"""

import itertools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inference.chat_template import ChatTemplate, load_chat_template
from inference.errors import NotCountableError
from inference.tokenizer_file import read_outline

ROLES = ("system", "user", "assistant")
"""A template may add more to messages of others."""
_EFFORTS = (None, "none", "low", "medium", "high")
_MESSAGES_MAX = 4
_COMPOSING_FACTOR = 3
"""No character outside ASCII is decomposed into more than three times its bytes of
UTF-8 (Unicode Standard Annex 15), and composing again only shortens.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class ChatBound:
    """What the chat template adds, in tokens at most."""

    once: int
    per_message: int
    reads_tools: bool
    """Their text is the template's own affair: there is no bound then."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenBound:
    per_text: int
    """Special tokens around each text, such as a start token."""
    is_composed: bool
    chat: ChatBound | None
    """None: a chat can be as long as the context."""

    def tokens_of(self, text: str) -> int:
        return bytes_at_most(text, is_composed=self.is_composed)


def bytes_at_most(text: str, *, is_composed: bool) -> int:
    """Of UTF-8, after the normal form C if `is_composed`."""
    size = len(text.encode(errors="replace"))
    if not is_composed or text.isascii():
        return size
    ascii_bytes = len(text.encode("ascii", errors="ignore"))
    return ascii_bytes + _COMPOSING_FACTOR * (size - ascii_bytes)


def load_bound(folder: Path) -> TokenBound | None:
    """None: the tokenizer is not of bytes, so nothing is known.

    Raises NotConvertibleError.
    """
    outline = read_outline(folder)
    if not outline.is_byte_level:
        return None
    template = load_chat_template(folder)
    return TokenBound(
        per_text=len(outline.frame.before) + len(outline.frame.after),
        is_composed=outline.is_composed,
        chat=None
        if template is None
        else measure(template, outline.special, is_composed=outline.is_composed),
    )


def measure(
    template: ChatTemplate, special: Sequence[str], *, is_composed: bool
) -> ChatBound | None:
    """None: the template does more than add a bounded text to each message."""
    added = _Addition(template, special, is_composed)
    per_message = once = 0
    try:
        efforts = _EFFORTS if template.reads_effort else (None,)
        for effort, is_asked in itertools.product(efforts, (True, False)):
            sizes = {roles: added(roles, effort, is_asked) for roles in _sequences()}
            for roles, size in sizes.items():
                # The first message may bring the model's own system prompt with it.
                before = sizes[roles[:-1]] if len(roles) > 1 else None
                if size is not None and before is not None:
                    per_message = max(per_message, size - before)
            for roles, size in sizes.items():
                if size is not None:
                    once = max(once, size - len(roles) * per_message)
        turns = ("system", *("user", "assistant") * 6)
        long = added(turns) or added(turns[1:]) or 0
    except _NotAddedError:
        return None
    if long > once + len(turns) * per_message or not per_message:
        return None
    return ChatBound(
        once=once, per_message=per_message, reads_tools="tools" in template.variables
    )


def _sequences() -> Iterable[tuple[str, ...]]:
    for count in range(_MESSAGES_MAX + 1):
        yield from itertools.product(ROLES, repeat=count)


class _NotAddedError(Exception):
    """A message does not come out once and unchanged."""


class _Addition:
    """Tokens that the template adds to messages of given roles, at most."""

    def __init__(
        self, template: ChatTemplate, special: Sequence[str], is_composed: bool
    ) -> None:
        self._template = template
        self._is_composed = is_composed
        # A special token could lose its beginning to one that a caller's text began.
        one_token = () if _do_overlap(special) else special
        self._special = re.compile("|".join(map(re.escape, one_token)) or "(?!)")

    def __call__(
        self, roles: Sequence[str], effort: str | None = None, is_asked: bool = True
    ) -> int | None:
        """None: the template refuses such a conversation."""
        marks = [f'Mark{place}"\\\n é&<{place}kraM' for place in range(len(roles))]
        messages = [
            {"role": role, "content": mark}
            for role, mark in zip(roles, marks, strict=True)
        ]
        variables: dict[str, Any] = {}
        if effort is not None:
            variables = {
                "reasoning_effort": effort,
                "enable_thinking": effort != "none",
            }
        try:
            text = self._template.render(
                messages, add_generation_prompt=is_asked, variables=variables
            )
        except NotCountableError:
            return None
        for mark in marks:
            if text.count(mark) != 1:
                raise _NotAddedError
            text = text.replace(mark, "\0")
        plain, special_tokens = self._special.subn("", text.replace("\0", ""))
        return special_tokens + bytes_at_most(plain, is_composed=self._is_composed)


def _do_overlap(special: Sequence[str]) -> bool:
    """Whether the end of one is the beginning of another."""
    beginnings = {text[:end] for text in special for end in range(1, len(text))}
    return any(
        text[start:] in beginnings for text in special for start in range(1, len(text))
    )
