"""From a decoded body to the sequences that will run: prompts, limits, refusals."""

from dataclasses import dataclass, replace
from time import time
from typing import Literal

import msgspec

from inference.simulator import errors, tokens
from inference.simulator.errors import Refusal
from inference.simulator.replies import Wish, write_reply
from inference.simulator.requests import (
    ChatBody,
    CompletionBody,
    Message,
    SamplingBody,
    TokenizeBody,
    decode,
)
from inference.simulator.scheduler import Sequence
from inference.simulator.settings import Settings

CHOICES_MAX = 64
_SALT_LENGTH_MAX = 128
_SYSTEM_PROMPT = "You are the simulated engine of a token fab."
_CHAT = msgspec.json.Decoder(ChatBody, strict=False)
_COMPLETION = msgspec.json.Decoder(CompletionBody, strict=False)
_TOKENIZE = msgspec.json.Decoder(TokenizeBody, strict=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    kind: Literal["chat", "completion"]
    id: str
    model: str
    created_at: int
    is_streamed: bool
    prompts: list[list[int]]
    sequences: list[Sequence]
    """Prompt by prompt, and for each prompt choice by choice."""
    echoes: list[str]
    """By sequence: the prompt's text, where the caller wants it back; else empty."""
    logprobs: int | None = None
    """How many likely tokens to name beside each token made; None: say nothing."""


def plan_chat(raw: bytes, *, request_id: str, settings: Settings) -> Call:
    """Raises Refusal."""
    body = decode(raw, _CHAT)
    _refuse_unserved_model(body.model, settings)
    if body.tools and body.tool_choice in (None, "auto"):
        raise Refusal(
            '"auto" tool choice requires --enable-auto-tool-choice and '
            "--tool-call-parser to be set"
        )
    prompt = chat_prompt(body.messages)
    ceiling = body.max_completion_tokens
    wish = _wish(body, body.max_tokens if ceiling is None else ceiling)
    question = _text(body.messages[-1])
    return Call(
        kind="chat",
        id=f"chatcmpl-{request_id}",
        model=settings.model,
        created_at=int(time()),
        is_streamed=bool(body.stream),
        prompts=[prompt],
        sequences=_sequences([(prompt, question)], body, wish, settings),
        echoes=[""] * (body.n or 1),
        logprobs=(body.top_logprobs or 0) if body.logprobs else None,
    )


def plan_completion(raw: bytes, *, request_id: str, settings: Settings) -> Call:
    """Raises Refusal."""
    body = decode(raw, _COMPLETION)
    _refuse_unserved_model(body.model, settings)
    prompts = _prompts(body)
    questions = [tokens.decode(prompt) for prompt in prompts]
    wish = _wish(body, body.max_tokens)
    asked = list(zip(prompts, questions, strict=True))
    return Call(
        kind="completion",
        id=f"cmpl-{request_id}",
        model=settings.model,
        created_at=int(time()),
        is_streamed=bool(body.stream),
        prompts=prompts,
        sequences=_sequences(asked, body, wish, settings),
        echoes=[
            question if body.echo else ""
            for question in questions
            for _ in range(body.n or 1)
        ],
        logprobs=body.logprobs,
    )


def tokenized(raw: bytes, settings: Settings) -> bytes:
    """The answer of `/tokenize`: {"count", "max_model_len", "tokens", "token_strs"}."""
    body = decode(raw, _TOKENIZE)
    _refuse_unserved_model(body.model, settings)
    found = tokens.encode(body.prompt or "")
    if body.messages is not None:
        found = chat_prompt(body.messages)
    texts = [tokens.piece(token).decode(errors="replace") for token in found]
    return msgspec.json.encode(
        {
            "count": len(found),
            "max_model_len": settings.context_tokens,
            "tokens": found,
            "token_strs": texts if body.return_token_strs else None,
        }
    )


def chat_prompt(messages: list[Message]) -> list[int]:
    """The conversation in ChatML, with a system prompt if it brings none, up to the
    place where the assistant begins.
    """
    if not messages:
        raise Refusal("`messages` must not be empty.", param="messages")
    if messages[0].role != "system":
        messages = [Message(role="system", content=_SYSTEM_PROMPT), *messages]
    prompt: list[int] = []
    for message in messages:
        prompt.append(tokens.START_OF_MESSAGE)
        prompt += tokens.encode(f"{message.role}\n")
        prompt += tokens.encode(_text(message))
        prompt.append(tokens.END_OF_MESSAGE)
        prompt += tokens.encode("\n")
    return [*prompt, tokens.START_OF_MESSAGE, *tokens.encode("assistant\n")]


def _text(message: Message) -> str:
    content = message.content
    if content is None or isinstance(content, str):
        return content or ""
    if any(part.get("type") != "text" for part in content):
        raise Refusal(f"{message.role} content: only text parts are understood here.")
    return "\n".join(str(part.get("text", "")) for part in content)


def _prompts(body: CompletionBody) -> list[list[int]]:
    """One prompt per text or list of token ids; a flat list of ids is one prompt."""
    given = body.prompt
    if isinstance(given, str):
        given = [given]
    if not given or "" in given or [] in given:
        raise Refusal("Either prompt or prompt_embeds must be provided and non-empty.")
    ids = [one for one in given if isinstance(one, int)]
    if ids and len(ids) == len(given):
        return [_checked(ids)]
    if ids:
        raise errors.invalid_body("Expected texts or token ids, not both", "prompt")
    return [
        tokens.encode(one) if isinstance(one, str) else _checked(one)
        for one in given
        if not isinstance(one, int)
    ]


def _checked(token_ids: list[int]) -> list[int]:
    for token in token_ids:
        if not 0 <= token < tokens.VOCABULARY_SIZE:
            raise Refusal(f"Token id {token} is out of vocabulary", param="input_ids")
    return token_ids


def _refuse_unserved_model(asked: str | None, settings: Settings) -> None:
    if asked and asked != settings.model:
        raise errors.unknown_model(asked, settings.model)


def _wish(body: SamplingBody, ceiling: int | None) -> Wish:
    _refuse_impossible_sampling(body, ceiling)
    stop = [body.stop] if isinstance(body.stop, str) else body.stop or []
    if "" in stop:
        raise Refusal(f"stop cannot contain an empty string, got {stop}.")
    return Wish(
        max_tokens=ceiling or 0,
        min_tokens=body.min_tokens,
        seed=body.seed or 0,
        ignore_eos=body.ignore_eos,
        stop=tuple(stop),
        stop_token_ids=tuple(body.stop_token_ids or ()),
        keeps_stop=body.include_stop_str_in_output,
    )


def _refuse_impossible_sampling(body: SamplingBody, ceiling: int | None) -> None:
    count = 1 if body.n is None else body.n
    if not 1 <= count <= CHOICES_MAX:
        raise Refusal(f"n must be at least 1 and at most {CHOICES_MAX}, got {count}.")
    if body.temperature is not None and not 0 <= body.temperature <= 2:  # noqa: PLR2004
        raise errors.invalid_parameter(
            f"temperature must be in [0, 2], got {body.temperature}.",
            "temperature",
            body.temperature,
        )
    if body.temperature == 0 and count > 1:
        raise Refusal(f"n must be 1 when using greedy sampling, got {count}.")
    if body.top_p is not None and not 0 < body.top_p <= 1:
        raise errors.invalid_parameter(
            f"top_p must be in (0, 1], got {body.top_p}.", "top_p", body.top_p
        )
    if ceiling is not None and ceiling < 1:
        raise errors.invalid_parameter(
            f"max_tokens must be at least 1, got {ceiling}.", "max_tokens", ceiling
        )
    if body.min_tokens < 0 or (ceiling is not None and body.min_tokens > ceiling):
        raise Refusal(
            "min_tokens must be at least 0 and less than or equal to "
            f"max_tokens={ceiling}, got {body.min_tokens}."
        )
    if body.stream_options is not None and not body.stream:
        raise errors.invalid_body(
            "Stream options can only be defined when `stream=True`.", "stream_options"
        )
    _refuse_bad_salt(body.cache_salt)


def _refuse_bad_salt(salt: str | None) -> None:
    if salt is None:
        return
    if not salt or len(salt) > _SALT_LENGTH_MAX or set(salt) & set("@/\\\0"):
        raise Refusal(
            "Parameter 'cache_salt' must be a non-empty string if provided, of at most "
            f"{_SALT_LENGTH_MAX} characters and without '@', '/', '\\' and NUL.",
            param="cache_salt",
            details="parameter=cache_salt",
        )


def _sequences(
    asked: list[tuple[list[int], str]],
    body: SamplingBody,
    wish: Wish,
    settings: Settings,
) -> list[Sequence]:
    sequences: list[Sequence] = []
    for prompt, question in asked:
        limited = _limited(wish, len(prompt), settings.context_tokens)
        for choice in range(body.n or 1):
            mine = replace(limited, seed=limited.seed + choice)
            sequences.append(
                Sequence(
                    index=len(sequences),
                    prompt=prompt,
                    salt=body.cache_salt or "",
                    reply=write_reply(question, mine),
                )
            )
    return sequences


def _limited(wish: Wish, prompt_tokens: int, context_tokens: int) -> Wish:
    """Within the context: a ceiling that reaches beyond it is lowered, not refused,
    unless it is larger than the whole context.
    """
    if prompt_tokens > context_tokens:
        raise errors.prompt_too_long(context_tokens)
    if wish.max_tokens > context_tokens:
        raise errors.invalid_parameter(
            f"max_tokens={wish.max_tokens} cannot be greater than "
            f"max_model_len={context_tokens}. Please request fewer output tokens.",
            "max_tokens",
            wish.max_tokens,
        )
    room = context_tokens - prompt_tokens
    if not room:
        raise errors.invalid_parameter(
            "max_tokens must be at least 1, got 0.", "max_tokens", 0
        )
    return replace(wish, max_tokens=min(wish.max_tokens or room, room))
