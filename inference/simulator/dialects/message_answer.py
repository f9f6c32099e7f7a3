"""The answers of `/v1/messages`, whole and streamed. A stream tells the whole prompt
first, and what was cached and generated only with its end.
"""

from typing import Any

import msgspec

from inference.simulator.answers import ENGINE_DIED
from inference.simulator.calls import Call
from inference.simulator.errors import engine_failed
from inference.simulator.sequences import Sequence

_encode = msgspec.json.encode
_REASONS = {"stop": "end_turn", "length": "max_tokens"}
# vLLM reads its own chat stream, and trips over the error in it.
_DIED = (
    "2 validation errors for ChatCompletionStreamResponse\nmodel\n  Field required "
    "[type=missing, input_value={'error': {'message': 'En...am': None, 'code': 500}}, "
    "input_type=dict]\nchoices\n  Field required [type=missing, input_value={'error': "
    "{'message': 'En...am': None, 'code': 500}}, input_type=dict]"
)


class MessagesDialect:
    def __init__(self, call: Call) -> None:
        self.call = call
        self._has_block = False

    @property
    def sequences(self) -> list[Sequence]:
        return self.call.sequences

    @property
    def is_streamed(self) -> bool:
        return self.call.is_streamed

    def accepted(self) -> list[bytes]:
        return []

    def opening(self) -> list[bytes]:
        message: dict[str, Any] = {
            "id": self.call.id,
            "type": "message",
            "role": "assistant",
            "content": [],
            "model": self.call.model,
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {"input_tokens": len(self.call.prompts[0]), "output_tokens": 0},
        }
        return [_event("message_start", {"message": message})]

    def tokens(self, sequence: Sequence, start: int) -> list[bytes]:
        text = sequence.text_since(start)
        if not text:
            return []
        events = []
        if not self._has_block:
            self._has_block = True
            block = {"content_block": {"type": "text", "text": ""}, "index": 0}
            events.append(_event("content_block_start", block))
        delta = {"delta": {"type": "text_delta", "text": text}, "index": 0}
        return [*events, _event("content_block_delta", delta)]

    def ending(self, first: Sequence) -> list[bytes]:
        events = [_event("content_block_stop", {"index": 0})] if self._has_block else []
        reason, stop = _stop_of(first)
        delta = {"stop_reason": reason, "stop_sequence": stop}
        usage = usage_of(self.call, first)
        events.append(_event("message_delta", {"delta": delta, "usage": usage}))
        return [*events, _event("message_stop", {})]

    def whole(self, last: Sequence) -> bytes:
        reason, stop = _stop_of(last)
        return _encode(
            {
                "id": self.call.id,
                "type": "message",
                "role": "assistant",
                "content": [{"type": "text", "text": last.reply.text}],
                "model": self.call.model,
                "stop_reason": reason,
            }
            | ({} if stop is None else {"stop_sequence": stop})
            | {"usage": usage_of(self.call, last)}
            | ({"kv_transfer_params": last.told} if last.told else {})
        )

    def without_usage(self, event: bytes) -> bytes:
        head, mark, data = event.partition(b"\ndata: ")
        body = msgspec.json.decode(data)
        body.pop("usage", None)
        body.get("message", {}).pop("usage", None)
        return b"%b%b%b\n\n" % (head, mark, _encode(body))

    def whole_without_usage(self, body: bytes) -> bytes:
        answer = msgspec.json.decode(body)
        del answer["usage"]
        return _encode(answer)

    def died(self) -> list[bytes]:
        error = {"type": "internal_error", "message": _DIED}
        return [_event("error", {"error": error})]

    def death(self) -> bytes:
        error = {"type": engine_failed("").kind, "message": ENGINE_DIED}
        return _encode({"type": "error", "error": error})


def usage_of(call: Call, sequence: Sequence) -> dict[str, int]:
    """The three input counts sum to the prompt."""
    cached, written = sequence.cached_tokens, sequence.cache_write_tokens
    return {
        "input_tokens": len(call.prompts[0]) - cached - written,
        "output_tokens": sequence.made,
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": cached,
    }


def _stop_of(sequence: Sequence) -> tuple[str, str | None]:
    stop = sequence.reply.stop_reason
    if isinstance(stop, str):
        return "stop_sequence", stop
    return _REASONS[sequence.reply.finish_reason], None


def _event(kind: str, members: dict[str, Any]) -> bytes:
    data = _encode({"type": kind} | members)
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), data)
