"""The answers of `/v1/responses`, whole and streamed. A stream begins before the prompt
is read, and tells usage in its last event alone.
"""

import secrets
from typing import Any

import msgspec

from inference.simulator.answers import ENGINE_DIED
from inference.simulator.calls import Call
from inference.simulator.errors import engine_failed
from inference.simulator.logprobs import chat_logprobs
from inference.simulator.requests import ResponseBody
from inference.simulator.sequences import Sequence

_encode = msgspec.json.encode
_TOOL_NULLS = {
    "strict": None,
    "type": "function",
    "allowed_callers": None,
    "async": None,
    "defer_loading": None,
    "description": None,
    "output_schema": None,
}
_NOT_DELTA = {"bytes"}
# What the default model's own configuration says.
_TEMPERATURE, _TOP_P = 0.2, 0.9


class ResponsesDialect:
    def __init__(self, call: Call, body: ResponseBody) -> None:
        self.call = call
        self._body = body
        self._item_id = f"msg_{secrets.token_hex(8)}"
        self._number = 0
        self._has_item = False

    @property
    def sequences(self) -> list[Sequence]:
        return self.call.sequences

    @property
    def is_streamed(self) -> bool:
        return self.call.is_streamed

    def accepted(self) -> list[bytes]:
        response = self._response([], "in_progress")
        return [
            self._event(kind, {"response": response})
            for kind in ("response.created", "response.in_progress")
        ]

    def opening(self) -> list[bytes]:
        return []

    def tokens(self, sequence: Sequence, start: int) -> list[bytes]:
        text = sequence.text_since(start)
        if not text:
            return []
        events = [] if self._has_item else self._item_opening()
        logprobs = self._logprobs(sequence, start, sequence.made) or []
        place = {"item_id": self._item_id, "logprobs": _for_delta(logprobs)}
        delta = {"content_index": 0, "delta": text} | place | {"output_index": 0}
        return [*events, self._event("response.output_text.delta", delta)]

    def ending(self, first: Sequence) -> list[bytes]:
        events = self._item_ending(first) if self._has_item else []
        output = [self._item(first)] if self._has_item else []
        response = self._response(output, _status(first), first)
        return [*events, self._event("response.completed", {"response": response})]

    def whole(self, last: Sequence) -> bytes:
        return _encode(self._response([self._item(last)], _status(last), last))

    def without_usage(self, event: bytes) -> bytes:
        head, mark, data = event.partition(b"\ndata: ")
        body = msgspec.json.decode(data)
        if "response" not in body:
            return event
        body["response"]["usage"] = None
        return b"%b%b%b\n\n" % (head, mark, _encode(body))

    def whole_without_usage(self, body: bytes) -> bytes:
        return _encode(msgspec.json.decode(body) | {"usage": None})

    def died(self) -> None:
        return None

    def death(self) -> bytes:
        return engine_failed(ENGINE_DIED).body

    def _event(self, kind: str, members: dict[str, Any]) -> bytes:
        ending: dict[str, Any] = {"sequence_number": self._number}
        if kind == "response.output_text.done":
            # Its text stands last but for the type, as the members are sorted there.
            ending["text"] = members.pop("text")
        self._number += 1
        data = _encode(members | ending | {"type": kind})
        return b"event: %b\ndata: %b\n\n" % (kind.encode(), data)

    def _item_opening(self) -> list[bytes]:
        self._has_item = True
        item = self._message([], "in_progress")
        part = {"annotations": [], "text": "", "type": "output_text", "logprobs": []}
        return [
            self._event(
                "response.output_item.added", {"item": item, "output_index": 0}
            ),
            self._event("response.content_part.added", self._part_event(part)),
        ]

    def _item_ending(self, sequence: Sequence) -> list[bytes]:
        item = self._item(sequence)
        done = {"content_index": 0, "item_id": self._item_id, "logprobs": []}
        done |= {"output_index": 0, "text": sequence.reply.text}
        part = self._part_event(item["content"][0])
        return [
            self._event("response.output_text.done", done),
            self._event("response.content_part.done", part),
            self._event("response.output_item.done", {"item": item, "output_index": 0}),
        ]

    def _part_event(self, part: dict[str, Any]) -> dict[str, Any]:
        place = {"content_index": 0, "item_id": self._item_id, "output_index": 0}
        return place | {"part": part}

    def _item(self, sequence: Sequence) -> dict[str, Any]:
        part = {"annotations": [], "text": sequence.reply.text, "type": "output_text"}
        logprobs = self._logprobs(sequence, 0, sequence.made)
        return self._message([part | {"logprobs": logprobs}], "completed")

    def _message(self, content: list[Any], status: str) -> dict[str, Any]:
        item = {"id": self._item_id, "content": content, "role": "assistant"}
        return item | {"status": status, "type": "message", "phase": None}

    def _logprobs(
        self, sequence: Sequence, start: int, end: int
    ) -> list[dict[str, Any]] | None:
        if self.call.logprobs is None:
            return None
        found = chat_logprobs(sequence.reply.token_ids[start:end], self.call.logprobs)
        return [_in_order(entry) for entry in found["content"]]

    def _response(
        self, output: list[Any], status: str, ended: Sequence | None = None
    ) -> dict[str, Any]:
        body, call = self._body, self.call
        is_cut = status == "incomplete"
        is_greedy = body.temperature == 0
        top_p = 1.0 if is_greedy else _or(body.top_p, _TOP_P)
        return {
            "id": call.id,
            "created_at": call.created_at,
            "incomplete_details": {"reason": "max_output_tokens"} if is_cut else None,
            "instructions": body.instructions,
            "metadata": body.metadata,
            "model": call.model,
            "object": "response",
            "output": output,
            "parallel_tool_calls": body.parallel_tool_calls is not False,
            "temperature": _or(body.temperature, _TEMPERATURE),
            "tool_choice": body.tool_choice if body.tools else "none",
            "tools": [_tool(tool) for tool in body.tools],
            "top_p": top_p,
            "background": False,
            "max_output_tokens": call.max_tokens,
            "max_tool_calls": body.max_tool_calls,
            "previous_response_id": None,
            "prompt": None,
            "reasoning": body.reasoning,
            "service_tier": body.service_tier,
            "status": status,
            "text": body.text,
            "top_logprobs": call.logprobs,
            "truncation": body.truncation,
            "usage": usage_of(call, ended) if ended else None,
            "user": body.user,
            "presence_penalty": _or(body.presence_penalty, 0.0),
            "frequency_penalty": _or(body.frequency_penalty, 0.0),
            "kv_transfer_params": ended.told if ended else None,
            "ec_transfer_params": None,
            "input_messages": None,
            "output_messages": None,
        }


def usage_of(call: Call, sequence: Sequence) -> dict[str, Any]:
    prompt_tokens = sum(map(len, call.prompts))
    return {
        "input_tokens": prompt_tokens,
        "input_tokens_details": {
            "cached_tokens": sequence.cached_tokens,
            "cache_write_tokens": sequence.cache_write_tokens,
            "input_tokens_per_turn": [],
            "cached_tokens_per_turn": [],
        },
        "output_tokens": sequence.made,
        "output_tokens_details": {
            "reasoning_tokens": 0,
            "tool_output_tokens": 0,
            "output_tokens_per_turn": [],
            "tool_output_tokens_per_turn": [],
        },
        "total_tokens": prompt_tokens + sequence.made,
    }


def _status(sequence: Sequence) -> str:
    return "incomplete" if sequence.reply.finish_reason == "length" else "completed"


def _or(given: float | None, default: float) -> float:
    return default if given is None else given


def _tool(tool: dict[str, Any]) -> dict[str, Any]:
    """As vLLM tells it back: what was left out is null."""
    if tool.get("type") != "function":
        return tool
    first = {"name": tool.get("name"), "parameters": tool.get("parameters")}
    return first | {
        name: tool.get(name, default) for name, default in _TOOL_NULLS.items()
    }


def _in_order(entry: dict[str, Any]) -> dict[str, Any]:
    """A chat's entry with the members in the order of this dialect."""
    told = {name: entry[name] for name in ("token", "bytes", "logprob")}
    if "top_logprobs" in entry:
        told["top_logprobs"] = [_in_order(other) for other in entry["top_logprobs"]]
    return told


def _for_delta(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without the bytes, which only a whole text tells."""
    return [
        {name: value for name, value in entry.items() if name not in _NOT_DELTA}
        | (
            {"top_logprobs": _for_delta(entry["top_logprobs"])}
            if "top_logprobs" in entry
            else {}
        )
        for entry in entries
    ]
