"""What the simulator answers: a sensible text that follows from the prompt alone."""

from bisect import bisect_left
from codecs import getincrementaldecoder
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal
from zlib import crc32

from inference.simulator import tokens

_SENTENCES = tuple(
    (sentence, tokens.encode(sentence))
    for sentence in (
        " Prompt and answer are counted in tokens, about three letters each.",
        " The first token takes longest, because the whole prompt is read before it.",
        " A prompt that begins like an earlier one is read faster the second time.",
        " What was read once is kept in blocks until the room is needed again.",
        " Two tenants never share such a block, even for the same words.",
        " A longer answer costs more than a shorter one, token by token.",
        " You may stop an answer early; then only what was written is counted.",
        " The same question gets the same answer here, word for word.",
        " Every number you see was counted by the engine while it worked.",
        " Ask again with a different seed and the sentences change their order.",
        " Start the real engine and a real model will think about it instead.",
        " An invoice adds up these counts and multiplies them by the price.",
        " Cached input is cheaper, since nobody had to compute it again.",
        " A stream shows each token at the moment it is made.",
        " Many questions can be answered at once; they share the machine fairly.",
        " Nothing you write here is sent anywhere else.",
    )
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """How a caller limits a reply."""

    max_tokens: int
    min_tokens: int = 0
    seed: int = 0
    ignore_eos: bool = False
    stop: tuple[str, ...] = ()
    stop_token_ids: tuple[int, ...] = ()
    keeps_stop: bool = False
    """The stop string stays in the text."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    token_ids: list[int]
    text: str
    shown: list[int]
    """Characters of `text` that may be shown after 0, 1, 2, … tokens."""
    finish_reason: Literal["stop", "length"]
    stop_reason: str | int | None = None


def write_reply(question: str, wish: Wish) -> Reply:
    """The reply to `question`; the same for the same question, seed and wish."""
    token_ids = _compose(question, wish)
    return _cut_at_stop_string(_read(token_ids, wish), wish)


def _compose(question: str, wish: Wish) -> list[int]:
    topic = " ".join(question.split())[:60].rstrip() or "nothing at all"
    token_ids = tokens.encode(f"You wrote “{topic}”. This is the simulated engine.")
    dice = crc32(question.encode(errors="replace"), wish.seed & 0xFFFFFFFF)
    wanted = 2 + dice % 5
    # An odd stride visits all sixteen sentences before one is repeated.
    position, stride = dice >> 8, (dice >> 16) | 1
    while (wanted > 0 or wish.ignore_eos or len(token_ids) < wish.min_tokens) and len(
        token_ids
    ) < wish.max_tokens:
        token_ids += _SENTENCES[position % len(_SENTENCES)][1]
        position += stride
        wanted -= 1
    if not wish.ignore_eos:
        token_ids.append(tokens.END_OF_MESSAGE)
    return _cut_at_stop_token(token_ids, wish)[: wish.max_tokens]


def _cut_at_stop_token(token_ids: list[int], wish: Wish) -> list[int]:
    if not wish.stop_token_ids:
        return token_ids
    for position in range(wish.min_tokens, len(token_ids)):
        if token_ids[position] in wish.stop_token_ids:
            return token_ids[: position + 1]
    return token_ids


def _read(token_ids: list[int], wish: Wish) -> Reply:
    shown = [0]
    decoder = getincrementaldecoder("utf-8")(errors="replace")
    parts = [decoder.decode(tokens.piece(token)) for token in token_ids]
    parts[-1] += decoder.decode(b"", final=True)
    shown += accumulate(map(len, parts))
    last = token_ids[-1]
    stopped_by = last if last in wish.stop_token_ids else None
    ended = last == tokens.END_OF_MESSAGE or stopped_by is not None
    return Reply(
        token_ids=token_ids,
        text="".join(parts),
        shown=shown,
        finish_reason="stop" if ended else "length",
        stop_reason=stopped_by,
    )


def _cut_at_stop_string(reply: Reply, wish: Wish) -> Reply:
    """The reply up to the first stop string. The token that completes it is counted.

    Text that may yet turn out to begin a stop string is held back while streaming.
    """
    if not wish.stop:
        return reply
    count, start, stop = min(
        _first_match(reply, stop, wish.min_tokens) for stop in wish.stop
    )
    is_cut = count <= len(reply.token_ids)
    end = start + (len(stop) if wish.keeps_stop else 0) if is_cut else len(reply.text)
    count = min(count, len(reply.token_ids))
    held = 0 if wish.keeps_stop else max(map(len, wish.stop)) - 1
    shown = [max(0, min(n - held, end)) for n in reply.shown[:count]]
    return Reply(
        token_ids=reply.token_ids[:count],
        text=reply.text[:end],
        shown=[*shown, end],
        finish_reason="stop" if is_cut else reply.finish_reason,
        stop_reason=stop if is_cut else reply.stop_reason,
    )


def _first_match(reply: Reply, stop: str, min_tokens: int) -> tuple[int, int, str]:
    """(tokens needed to complete `stop`, where it starts, itself); more tokens than
    the reply has when it never comes.
    """
    earliest = reply.shown[min(min_tokens, len(reply.shown) - 1)]
    start = reply.text.find(stop, max(0, earliest - len(stop) + 1))
    if start < 0:
        return len(reply.token_ids) + 1, start, stop
    return bisect_left(reply.shown, start + len(stop)), start, stop
