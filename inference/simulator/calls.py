"""From a decoded body to the sequences that will run: prompts, limits, refusals."""

from dataclasses import dataclass, replace
from time import time
from typing import Any, Literal

import msgspec

from inference.simulator import errors, tokens
from inference.simulator.checks import check_chat, check_completion, check_sampling
from inference.simulator.errors import Refusal
from inference.simulator.leases import PARAMETER
from inference.simulator.replies import Wish, write_reply
from inference.simulator.requests import (
    ChatBody,
    CompletionBody,
    Message,
    SamplingBody,
    decode,
)
from inference.simulator.sequences import Sequence
from inference.simulator.settings import Settings

_SYSTEM_PROMPT = "You are the simulated engine of a token fab."
_CHAT = msgspec.json.Decoder(ChatBody, strict=False)
_COMPLETION = msgspec.json.Decoder(CompletionBody, strict=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    kind: Literal["chat", "completion", "embedding", "image"]
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
    max_tokens: int = 0
    """The ceiling of a chat's answer, lowered to what the context leaves."""
    tells_token_ids: bool = False
    """The answer names the ids of the prompt's tokens and of its own."""

    def kv_transfer_params(self, last: Sequence) -> dict[str, Any] | None:
        """Those of the answer: what the `last` choice to finish was told. Of several
        prompts the first one counts.
        """
        of_the_first = self.sequences[: len(self.sequences) // len(self.prompts)]
        return (last if last in of_the_first else of_the_first[-1]).told


def plan_chat(raw: bytes, *, request_id: str, settings: Settings) -> Call:
    """Raises Refusal."""
    body = decode(raw, _CHAT)
    refuse_unserved_model(body.model, settings)
    check_chat(body)
    is_new_name = body.max_completion_tokens is not None
    return chat_call(
        body,
        identity=f"chatcmpl-{request_id}",
        settings=settings,
        ceiling_name="max_completion_tokens" if is_new_name else "max_tokens",
    )


def chat_call(
    body: ChatBody,
    *,
    identity: str,
    settings: Settings,
    ceiling_name: str,
    truncates: bool = False,
) -> Call:
    """The call of a checked chat, whichever dialect it was asked in.

    `ceiling_name` is what the caller's dialect calls the ceiling. A prompt that is too
    long loses its beginning if it `truncates`. Raises Refusal.
    """
    prompt = chat_prompt(body.messages, opens_reply=body.add_generation_prompt)
    if truncates:
        prompt = prompt[-(settings.context_tokens - 1) :]
    ceiling = body.max_completion_tokens
    wish = _wish(body, body.max_tokens if ceiling is None else ceiling)
    wish = limited(wish, len(prompt), settings.context_tokens, ceiling_name)
    question = _text(body.messages[-1])
    return Call(
        kind="chat",
        id=identity,
        model=settings.model,
        created_at=int(time()),
        is_streamed=bool(body.stream),
        prompts=[prompt],
        sequences=_sequences([(prompt, question, wish)], body),
        echoes=[""] * (body.n or 1),
        logprobs=(body.top_logprobs or 0) if body.logprobs else None,
        max_tokens=wish.max_tokens,
        tells_token_ids=bool(body.return_token_ids),
    )


def plan_completion(raw: bytes, *, request_id: str, settings: Settings) -> Call:
    """Raises Refusal."""
    body = decode(raw, _COMPLETION)
    refuse_unserved_model(body.model, settings)
    check_completion(body)
    prompts = prompts_of(body.prompt)
    questions = [tokens.decode(prompt) for prompt in prompts]
    wish = _wish(body, body.max_tokens)
    context = settings.context_tokens
    asked = [
        (prompt, question, limited(wish, len(prompt), context, "max_tokens"))
        for prompt, question in zip(prompts, questions, strict=True)
    ]
    return Call(
        kind="completion",
        id=f"cmpl-{request_id}",
        model=settings.model,
        created_at=int(time()),
        is_streamed=bool(body.stream),
        prompts=prompts,
        sequences=_sequences(asked, body),
        echoes=[
            # The ids of the prompt's tokens take the place of its text.
            question if body.echo and not body.return_token_ids else ""
            for question in questions
            for _ in range(body.n or 1)
        ],
        logprobs=body.logprobs,
        tells_token_ids=bool(body.return_token_ids),
    )


def chat_prompt(messages: list[Message], *, opens_reply: bool = True) -> list[int]:
    """The conversation in ChatML, with a system prompt if it brings none, up to the
    place where the assistant begins (`opens_reply`) or would begin.
    """
    if messages[0].role != "system":
        messages = [Message(role="system", content=_SYSTEM_PROMPT), *messages]
    prompt: list[int] = []
    for message in messages:
        prompt.append(tokens.START_OF_MESSAGE)
        prompt += tokens.encode(f"{message.role}\n")
        prompt += tokens.encode(_text(message))
        prompt.append(tokens.END_OF_MESSAGE)
        prompt += tokens.encode("\n")
    if not opens_reply:
        return prompt
    return [*prompt, tokens.START_OF_MESSAGE, *tokens.encode("assistant\n")]


def _text(message: Message) -> str:
    content = message.content
    if content is None or isinstance(content, str):
        return content or ""
    if any(part.get("type") != "text" for part in content):
        raise Refusal(f"{message.role} content: only text parts are understood here.")
    return "\n".join(str(part.get("text", "")) for part in content)


def prompts_of(given: str | list[str | int | list[int]] | None) -> list[list[int]]:
    """One prompt per text or list of token ids; a flat list of ids is one prompt."""
    if given == []:
        raise Refusal("You must pass at least one prompt")
    if isinstance(given, str):
        given = [given]
    if not given or "" in given or [] in given:
        raise Refusal(
            "Either prompt or prompt_embeds must be provided and non-empty.",
            param="prompt",
            details="parameter=prompt",
        )
    kinds = {type(one) for one in given}
    if len(kinds) > 1:
        raise errors.invalid_body("Input should be of one kind", "body.prompt.1")
    if kinds == {int}:
        return [_checked([one for one in given if isinstance(one, int)])]
    return [
        tokens.encode(one) if isinstance(one, str) else _checked(one)
        for one in given
        if not isinstance(one, int)
    ]


def _checked(token_ids: list[int]) -> list[int]:
    if min(token_ids) < 0:
        raise errors.invalid_body(
            "Input should be greater than or equal to 0", "body.prompt.0"
        )
    if max(token_ids) >= tokens.VOCABULARY_SIZE:
        raise Refusal(f"Token id {max(token_ids)} is out of vocabulary")
    return token_ids


def refuse_unserved_model(asked: str | None, settings: Settings) -> None:
    if asked and asked != settings.model:
        raise errors.unknown_model(asked, settings.model)


def _wish(body: SamplingBody, ceiling: int | None) -> Wish:
    check_sampling(body, ceiling)
    stop = [body.stop] if isinstance(body.stop, str) else body.stop or []
    return Wish(
        max_tokens=ceiling or 0,
        min_tokens=body.min_tokens,
        seed=body.seed or 0,
        ignore_eos=body.ignore_eos,
        stop=tuple(stop),
        stop_token_ids=tuple(body.stop_token_ids or ()),
        keeps_stop=body.include_stop_str_in_output,
    )


def _sequences(
    asked: list[tuple[list[int], str, Wish]], body: SamplingBody
) -> list[Sequence]:
    """Those of each (prompt, question, wish), choice by choice."""
    sequences: list[Sequence] = []
    for prompt, question, wish in asked:
        for choice in range(body.n or 1):
            mine = replace(wish, seed=wish.seed + choice)
            sequences.append(
                Sequence(
                    index=len(sequences),
                    prompt=prompt,
                    salt=body.cache_salt or "",
                    reply=write_reply(question, mine),
                    lease=(body.kv_transfer_params or {}).get(PARAMETER),
                )
            )
    return sequences


def limited(
    wish: Wish, prompt_tokens: int, context_tokens: int, ceiling_name: str
) -> Wish:
    """Within the context: a ceiling that reaches beyond it is lowered, not refused,
    unless it is larger than the whole context.
    """
    if prompt_tokens > context_tokens:
        raise errors.prompt_too_long(context_tokens)
    if wish.max_tokens > context_tokens:
        raise errors.invalid_parameter(
            f"{ceiling_name}={wish.max_tokens} cannot be greater than "
            f"max_model_len={context_tokens}. Please request fewer output tokens.",
            ceiling_name,
            wish.max_tokens,
        )
    room = context_tokens - prompt_tokens
    if not room:
        raise errors.invalid_parameter(
            "max_tokens must be at least 1, got 0.", "max_tokens", 0
        )
    return replace(wish, max_tokens=min(wish.max_tokens or room, room))
