"""Chat and plain completions in OpenAI's shapes as vLLM writes them, byte for byte
where callers may depend on it: the order of members, which are null and which are
absent, and where usage stands.
"""

from typing import Any

import msgspec

from inference.simulator import calls
from inference.simulator.answers import ENGINE_DIED
from inference.simulator.calls import Call
from inference.simulator.errors import engine_failed
from inference.simulator.logprobs import chat_logprobs, completion_logprobs
from inference.simulator.sequences import Sequence
from inference.simulator.settings import Settings

FINGERPRINT = "vllm-simulator"
_DONE = b"data: [DONE]\n\n"
_OBJECTS = {"chat": "chat.completion", "completion": "text_completion"}
_encode = msgspec.json.encode


class OpenAiDialect:
    def __init__(self, call: Call) -> None:
        self._call = call
        self._head = _encode(
            {
                "id": call.id,
                "object": "chat.completion.chunk"
                if call.kind == "chat"
                else "text_completion",
                "created": call.created_at,
                "model": call.model,
            }
        )[:-1]

    @property
    def sequences(self) -> list[Sequence]:
        return self._call.sequences

    @property
    def is_streamed(self) -> bool:
        return self._call.is_streamed

    def accepted(self) -> list[bytes]:
        return []

    def opening(self) -> list[bytes]:
        if self._call.kind != "chat":
            return []
        prompt = _encode(_prompt_ids(self._call, self._call.sequences[0]))
        return [
            b'data: %b,"choices":[{"index":%d,"delta":{"role":"assistant","content":""}'
            b',"logprobs":null,"finish_reason":null}],"usage":%b,'
            b'"prompt_token_ids":%b,"prompt_text":null}\n\n'
            % (self._head, sequence.index, _running_usage("chat", sequence, 0), prompt)
            for sequence in self._call.sequences
        ]

    def tokens(self, sequence: Sequence, start: int) -> list[bytes]:
        text = sequence.text_since(start)
        if not start:
            text = self._call.echoes[sequence.index] + text
        usage = _running_usage(self._call.kind, sequence, sequence.made)
        delta = _delta(self._call, sequence, start, text)
        return [b'data: %b,"choices":[%b],"usage":%b}\n\n' % (self._head, delta, usage)]

    def ending(self, first: Sequence) -> list[bytes]:
        usage = _encode(usage_of(self._call, first, hides_nulls=True))
        return [
            b'data: %b,"choices":[],"usage":%b,"system_fingerprint":"%b"}\n\n'
            % (self._head, usage, FINGERPRINT.encode()),
            _DONE,
        ]

    def whole(self, last: Sequence) -> bytes:
        call = self._call
        answer: dict[str, Any] = {
            "id": call.id,
            "object": _OBJECTS[call.kind],
            "created": call.created_at,
            "model": call.model,
            "choices": [_choice(call, sequence) for sequence in call.sequences],
            "service_tier": None,
            "system_fingerprint": FINGERPRINT,
            "usage": usage_of(call, last, hides_nulls=False),
        }
        if call.kind == "chat":
            answer |= {"prompt_logprobs": None}
            answer |= {"prompt_token_ids": _prompt_ids(call, last)}
            answer |= {"prompt_text": None}
        answer |= {"kv_transfer_params": call.kv_transfer_params(last)}
        return _encode(answer | {"ec_transfer_params": None, "metrics": None})

    def without_usage(self, event: bytes) -> bytes:
        if not event.startswith(b"data: {"):
            return event
        body = msgspec.json.decode(event[6:])
        if not body["choices"]:
            return b""
        return b"data: %b\n\n" % _encode(body | {"usage": None})

    def whole_without_usage(self, body: bytes) -> bytes:
        return _encode(msgspec.json.decode(body) | {"usage": None})

    def died(self) -> list[bytes]:
        return [b"data: %b\n\n" % self.death(), _DONE]

    def death(self) -> bytes:
        return engine_failed(ENGINE_DIED).body


def plan_chat(raw: bytes, *, request_id: str, settings: Settings) -> OpenAiDialect:
    """Raises Refusal."""
    call = calls.plan_chat(raw, request_id=request_id, settings=settings)
    return OpenAiDialect(call)


def plan_completion(
    raw: bytes, *, request_id: str, settings: Settings
) -> OpenAiDialect:
    """Raises Refusal."""
    call = calls.plan_completion(raw, request_id=request_id, settings=settings)
    return OpenAiDialect(call)


def usage_of(call: Call, sequence: Sequence, *, hides_nulls: bool) -> dict[str, Any]:
    """The final usage of a call; the cache figures are those of one `sequence`, as in
    vLLM. Only chat tells the tokens written to the cache.
    """
    prompt_tokens = sum(map(len, call.prompts))
    completion_tokens = sum(each.made for each in call.sequences)
    written = sequence.cache_write_tokens if call.kind == "chat" else None
    details: dict[str, Any] = {
        "cached_tokens": sequence.cached_tokens,
        "created_cache_tokens": written,
        "multimodal_tokens": None,
    }
    usage: dict[str, Any] = {
        "prompt_tokens": prompt_tokens,
        "total_tokens": prompt_tokens + completion_tokens,
        "completion_tokens": completion_tokens,
        "prompt_tokens_details": _without_nulls(details) if hides_nulls else details,
        "completion_tokens_details": None,
    }
    return _without_nulls(usage) if hides_nulls else usage


def _without_nulls(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


def _running_usage(kind: str, sequence: Sequence, made: int) -> bytes:
    prompt_tokens = len(sequence.prompt)
    return (
        b'{"prompt_tokens":%d,"total_tokens":%d,"completion_tokens":%d'
        % (prompt_tokens, prompt_tokens + made, made)
    ) + (b',"completion_tokens_details":null}' if kind == "chat" else b"}")


def _prompt_ids(call: Call, sequence: Sequence) -> list[int] | None:
    return sequence.prompt if call.tells_token_ids else None


def _output_ids(call: Call, sequence: Sequence, start: int) -> list[int] | None:
    made = sequence.reply.token_ids[start : sequence.made]
    return made if call.tells_token_ids else None


def _logprobs(
    call: Call, sequence: Sequence, start: int, end: int
) -> dict[str, Any] | None:
    if call.logprobs is None:
        return None
    token_ids = sequence.reply.token_ids[start:end]
    if call.kind == "chat":
        return chat_logprobs(token_ids, call.logprobs)
    return completion_logprobs(token_ids, call.logprobs, sequence.reply.shown[start])


def _delta(call: Call, sequence: Sequence, start: int, text: str) -> bytes:
    reason, stop = b"null", b"null"
    logprobs = _encode(_logprobs(call, sequence, start, sequence.made))
    if sequence.is_finished:
        reason = b'"%b"' % sequence.reply.finish_reason.encode()
        stop = _encode(sequence.reply.stop_reason)
    ids = _encode(_output_ids(call, sequence, start))
    if call.kind == "completion":
        prompt = b"null" if start else _encode(_prompt_ids(call, sequence))
        return (
            b'{"index":%d,"text":%b,"logprobs":%b,"finish_reason":%b,'
            b'"stop_reason":%b,"prompt_token_ids":%b,"token_ids":%b}'
        ) % (sequence.index, _encode(text), logprobs, reason, stop, prompt, ids)
    ending = b'"stop_reason":%b,' % stop if sequence.is_finished else b""
    return (
        b'{"index":%d,"delta":{"content":%b},"logprobs":%b,"finish_reason":%b,'
        b'%b"token_ids":%b}'
    ) % (sequence.index, _encode(text), logprobs, reason, ending, ids)


def _choice(call: Call, sequence: Sequence) -> dict[str, Any]:
    reply = sequence.reply
    ending = {
        "logprobs": _logprobs(call, sequence, 0, sequence.made),
        "finish_reason": reply.finish_reason,
        "stop_reason": reply.stop_reason,
        "token_ids": _output_ids(call, sequence, 0),
    }
    if call.kind == "chat":
        message = {"role": "assistant", "content": reply.text, "refusal": None}
        message |= {"annotations": None, "audio": None, "function_call": None}
        message |= {"reasoning": None}
        said: dict[str, Any] = {"index": sequence.index, "message": message}
        return said | ending | {"routed_experts": None}
    text = call.echoes[sequence.index] + reply.text
    said = {"index": sequence.index, "text": text} | ending
    said |= {"prompt_logprobs": None}
    said |= {"prompt_token_ids": _prompt_ids(call, sequence)}
    return said | {"routed_experts": None}
