"""`/v1/messages` and `/v1/messages/count_tokens` as vLLM asks them: a chat underneath.

A body of a wrong shape is refused in OpenAI's shape, everything else in Anthropic's.
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from inference.simulator.calls import chat_call, chat_prompt, refuse_unserved_model
from inference.simulator.checks import check_conversation
from inference.simulator.dialects.message_answer import MessagesDialect
from inference.simulator.errors import (
    Refusal,
    invalid_body,
    not_multimodal,
    prompt_too_long,
)
from inference.simulator.requests import (
    ChatBody,
    CountBody,
    Message,
    MessageBlock,
    MessagesBody,
    TurnBody,
    decode,
)
from inference.simulator.settings import Settings

_BODY = msgspec.json.Decoder(MessagesBody, strict=False)
_COUNT = msgspec.json.Decoder(CountBody, strict=False)
_NO_PARSER = "requires --tool-call-parser to be set"
_BILLING_NOTE = "x-anthropic-billing-header"
"""vLLM drops system text that begins so: it would defeat the prefix cache."""


def plan_message(raw: bytes, *, request_id: str, settings: Settings) -> MessagesDialect:
    """Raises Refusal."""
    body = decode(raw, _BODY)
    _check_shape(body)
    refuse_unserved_model(body.model, settings)
    _check_tools(body)
    chat = ChatBody(
        messages=_conversation(body, settings),
        max_completion_tokens=body.max_tokens,
        stop=body.stop_sequences,
        stream=body.stream,
        temperature=body.temperature,
        top_p=body.top_p,
        cache_salt=body.cache_salt,
        kv_transfer_params=body.kv_transfer_params,
    )
    call = chat_call(
        chat,
        identity=f"chatcmpl-{request_id}",
        settings=settings,
        ceiling_name="max_completion_tokens",
    )
    return MessagesDialect(call)


def counted(raw: bytes, settings: Settings) -> bytes:
    """The prompt's length, as a call would be metered. Raises Refusal."""
    body = decode(raw, _COUNT)
    refuse_unserved_model(body.model, settings)
    _check_tools(body)
    count = len(chat_prompt(_conversation(body, settings)))
    if count > settings.context_tokens:
        raise prompt_too_long(settings.context_tokens)
    management = {"original_input_tokens": count}
    return msgspec.json.encode(
        {"input_tokens": count, "context_management": management}
    )


def in_their_shape(refusal: Refusal) -> bytes:
    if refusal.is_malformed:
        return refusal.body
    error = {"type": refusal.kind, "message": refusal.message}
    return msgspec.json.encode({"type": "error", "error": error})


def _check_shape(body: MessagesBody) -> None:
    if body.max_tokens <= 0:
        raise invalid_body(
            "Value error, max_tokens must be positive", "body.max_tokens"
        )
    if body.cache_salt == "":
        raise invalid_body("String should have at least 1 character", "body.cache_salt")
    if (body.thinking or {}).get("type") == "enabled":
        raise Refusal(
            "thinking_token_budget is set but reasoning_config is not configured. "
            "Please set --reasoning-parser and/or --reasoning-config to use "
            "thinking_token_budget."
        )


def _check_tools(body: CountBody) -> None:
    if not body.tools:
        return
    choice = body.tool_choice or {}
    match choice.get("type", "auto"):
        case "none":
            return
        case "any":
            raise Refusal(f'tool_choice="required" {_NO_PARSER}')
        case "tool":
            name = choice.get("name")
            raise Refusal(f'tool_choice=function "{name}" {_NO_PARSER}')
    raise Refusal(
        '"auto" tool choice requires --enable-auto-tool-choice and '
        "--tool-call-parser to be set"
    )


def _conversation(body: CountBody, settings: Settings) -> list[Message]:
    messages = []
    if system := _system(body.system):
        messages.append(Message(role="system", content=system))
    for turn in body.messages:
        messages += _turn(turn, settings)
    check_conversation(messages)
    return messages


def _system(given: str | list[MessageBlock] | None) -> str:
    if given is None or isinstance(given, str):
        return given or ""
    texts = [block.text or "" for block in given]
    return "".join(text for text in texts if not text.startswith(_BILLING_NOTE))


def _turn(turn: TurnBody, settings: Settings) -> Iterator[Message]:
    """The results of tools are messages of their own, before the rest of the turn."""
    if isinstance(turn.content, str):
        yield Message(role=turn.role, content=turn.content)
        return
    if any(block.type == "image" for block in turn.content):
        raise not_multimodal(settings.model)
    results = [block for block in turn.content if block.type == "tool_result"]
    for result in results:
        yield Message(role="tool", content=_result(result.content))
    texts = [block.text or "" for block in turn.content if block.type == "text"]
    if texts or not results:
        yield Message(role=turn.role, content="\n".join(texts))


def _result(content: str | list[dict[str, Any]] | None) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    return "\n".join(str(part.get("text", "")) for part in content)
