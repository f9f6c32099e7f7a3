"""`/v1/responses` as vLLM asks and answers it. Nothing is stored: no response can be
fetched, cancelled or continued.
"""

import re
import secrets
from http import HTTPStatus
from typing import Any

import msgspec

from inference.simulator.calls import chat_call, refuse_unserved_model
from inference.simulator.checks import check_conversation, check_logprobs, check_salt
from inference.simulator.dialects.response_answer import ResponsesDialect
from inference.simulator.errors import (
    Refusal,
    invalid_body,
    not_found,
    not_multimodal,
)
from inference.simulator.requests import ChatBody, Message, ResponseBody, decode
from inference.simulator.settings import Settings

_BODY = msgspec.json.Decoder(ResponseBody, strict=False)
_STORED = re.compile(r"/v1/responses/([^/]+)(/cancel)?")
_ROLES = frozenset({"user", "assistant", "system", "developer"})
_TEXT_PARTS = frozenset({"text", "input_text", "output_text"})


def plan_response(
    raw: bytes,
    *,
    request_id: str,  # noqa: ARG001 - vLLM takes the body's, not the header's
    settings: Settings,
) -> ResponsesDialect:
    """Raises Refusal."""
    body = decode(raw, _BODY)
    check_salt(body.cache_salt)
    _check(body)
    refuse_unserved_model(body.model, settings)
    if body.previous_response_id:
        raise not_found(body.previous_response_id)
    call = chat_call(
        _chat(body, settings),
        identity=body.request_id or f"resp_{secrets.token_hex(8)}",
        settings=settings,
        ceiling_name="max_output_tokens",
        truncates=body.truncation == "auto",
    )
    return ResponsesDialect(call, body)


def missing_response(method: str, path: str) -> Refusal | None:
    """The refusal of a request for a stored response; None: it is not one."""
    found = _STORED.fullmatch(path)
    if found is None or method != ("POST" if found[2] else "GET"):
        return None
    return not_found(found[1])


def stored_methods(path: str) -> list[str]:
    """The methods of a stored response's path; empty for another path."""
    found = _STORED.fullmatch(path)
    return [] if found is None else ["POST"] if found[2] else ["GET"]


def _check(body: ResponseBody) -> None:
    if body.background and body.store is False:
        raise _invalid("background can only be used when `store` is true", "background")
    if body.prompt is not None:
        raise _invalid("prompt template is not supported", "prompt")
    if body.background:
        raise Refusal(
            "This vLLM engine does not support `store=True` and therefore does not "
            "support the background mode. To enable these features, set the "
            "environment variable `VLLM_ENABLE_RESPONSES_API_STORE=1` when launching "
            "the vLLM server.",
            kind="invalid_request_error",
            param="background",
            status=HTTPStatus.BAD_REQUEST,
        )
    if not body.tools and body.tool_choice == "required":
        raise _invalid(
            "Tool choice 'required' must be specified with 'tools' parameter.",
            "tool_choice",
        )
    if not body.tools and isinstance(body.tool_choice, dict):
        raise _invalid(
            "Tool choice 'function' not found in 'tools' parameter.", "tool_choice"
        )
    check_logprobs(body.top_logprobs)


def _chat(body: ResponseBody, settings: Settings) -> ChatBody:
    messages = []
    if body.instructions:
        messages.append(Message(role="system", content=body.instructions))
    if isinstance(body.input, str):
        messages.append(Message(role="user", content=body.input))
    else:
        messages += [
            _message(item, f"body.input.{place}", settings)
            for place, item in enumerate(body.input)
            if item.get("type") != "reasoning"
        ]
    check_conversation(messages)
    return ChatBody(
        messages=messages,
        max_completion_tokens=body.max_output_tokens,
        seed=body.seed,
        stop=body.stop,
        stop_token_ids=body.stop_token_ids,
        include_stop_str_in_output=body.include_stop_str_in_output,
        ignore_eos=body.ignore_eos,
        stream=body.stream,
        temperature=body.temperature,
        top_p=body.top_p,
        presence_penalty=body.presence_penalty,
        frequency_penalty=body.frequency_penalty,
        cache_salt=body.cache_salt,
        kv_transfer_params=body.kv_transfer_params,
        logprobs=body.tells_logprobs,
        top_logprobs=body.top_logprobs,
    )


def _message(item: dict[str, Any], param: str, settings: Settings) -> Message:
    kind = item.get("type", "message")
    if kind == "function_call":
        return Message(role="assistant", content=None)
    if kind == "function_call_output":
        return Message(role="tool", content=_text(item, "output", param, settings))
    if kind != "message" or item.get("role") not in _ROLES:
        raise invalid_body("Input should be a valid input item", "body.input")
    return Message(role=item["role"], content=_text(item, "content", param, settings))


def _text(item: dict[str, Any], member: str, param: str, settings: Settings) -> str:
    content = item.get(member)
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise invalid_body("Input should be a valid string", f"{param}.{member}")
    kinds = {part.get("type") for part in content if isinstance(part, dict)}
    if "input_image" in kinds:
        raise not_multimodal(settings.model)
    if not kinds <= _TEXT_PARTS:
        raise invalid_body("Input should be a text part", f"{param}.{member}")
    return "\n".join(str(part.get("text", "")) for part in content)


def _invalid(message: str, param: str) -> Refusal:
    return Refusal(message, param=param, details=f"parameter={param}")
