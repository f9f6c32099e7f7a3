"""Log probabilities in the two shapes of the API. The simulator never doubts: the
token it wrote has probability one, and the others are named for the shape's sake.
"""

from typing import Any

from inference.simulator import tokens

_UNLIKELY = -10.0


def chat_logprobs(token_ids: list[int], top: int) -> dict[str, Any]:
    """`{"content": [{"token", "logprob", "bytes", "top_logprobs": […]}, …]}`."""
    content = []
    for token in token_ids:
        candidates = [_entry(token, 0.0), *_others(token, top - 1)]
        content.append(candidates[0] | {"top_logprobs": candidates[: max(top, 0)]})
    return {"content": content}


def completion_logprobs(token_ids: list[int], top: int, offset: int) -> dict[str, Any]:
    """Parallel lists; `offset` is where in the text the first token begins."""
    texts = [_text(token) for token in token_ids]
    offsets = [offset]
    for text in texts[:-1]:
        offsets.append(offsets[-1] + len(text))
    return {
        "text_offset": offsets[: len(texts)],
        "token_logprobs": [0.0] * len(texts),
        "tokens": texts,
        "top_logprobs": [
            {text: 0.0}
            | {other["token"]: other["logprob"] for other in _others(token, top)}
            for token, text in zip(token_ids, texts, strict=True)
        ],
    }


def _text(token: int) -> str:
    return tokens.piece(token).decode(errors="replace")


def _entry(token: int, logprob: float) -> dict[str, Any]:
    text = _text(token)
    return {"token": text, "logprob": logprob, "bytes": list(text.encode())}


def _others(token: int, count: int) -> list[dict[str, Any]]:
    size = tokens.KNOWN_TOKENS
    return [
        _entry((token + rank) % size, _UNLIKELY * rank) for rank in range(1, count + 1)
    ]
