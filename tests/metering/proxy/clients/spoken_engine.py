"""An engine whose model calls the tool that it is offered, in every dialect.

The simulated engine's model knows no tools, and the small real one may not call them.
Asked for a schema it answers with JSON that fits; otherwise with a phrase.
"""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingUnixStreamServer
from typing import Any

CITY = '{"city": "Oslo"}'
WEATHER = '{"city":"Oslo","degrees":-3}'
PHRASE = "It is three below in Oslo."
PROMPT, OUTPUT = 42, 8
COMPLETION_USAGE = {
    "prompt_tokens": PROMPT,
    "completion_tokens": OUTPUT,
    "total_tokens": PROMPT + OUTPUT,
}
USAGE = {"input_tokens": PROMPT, "output_tokens": OUTPUT}
RESPONSE_USAGE = {
    **USAGE,
    "total_tokens": PROMPT + OUTPUT,
    "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
    "output_tokens_details": {"reasoning_tokens": 0},
}
Event = tuple[str | None, dict[str, Any]]


class _Server(ThreadingUnixStreamServer):
    def handle_error(self, *_: object) -> None:
        """A health probe leaves as soon as it has read the status."""


class SpokenEngine:
    def __init__(self, path: Path) -> None:
        self.bodies: list[dict[str, Any]] = []
        """What it was asked, in order."""
        server = _Server(str(path), _handler(self))
        server.daemon_threads = True
        self._server = server
        self._thread = threading.Thread(target=server.serve_forever, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _handler(engine: SpokenEngine) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def address_string(self) -> str:
            return "proxy"

        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            self._send({})

        def do_POST(self) -> None:
            text = self.rfile.read(int(self.headers["content-length"]))
            body = json.loads(text)
            engine.bodies.append(body)
            document, events = _SPEAKERS[self.path](body)
            if body.get("stream"):
                self._send_events(events)
            else:
                self._send(document)

        def _send(self, document: dict[str, Any]) -> None:
            text = json.dumps(document).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def _send_events(self, events: list[Event]) -> None:
            self.send_response(200)
            self.send_header("transfer-encoding", "chunked")
            self.end_headers()
            for data in map(_encoded, events):
                self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))
            self.wfile.write(b"0\r\n\r\n")

    return Handler


def _encoded(event: Event) -> bytes:
    name, value = event
    if name is None:
        return f"data: {json.dumps(value, separators=(',', ':'))}\n\n".encode()
    if name == "[DONE]":
        return b"data: [DONE]\n\n"
    data = json.dumps({"type": name, **value}, separators=(",", ":"))
    return f"event: {name}\ndata: {data}\n\n".encode()


def _calls_tool(body: dict[str, Any]) -> bool:
    """It is offered one and has not been told its result yet."""
    told = json.dumps(body.get("messages") or body.get("input") or "")
    results = ('"role": "tool"', '"tool_result"', '"function_call_output"')
    return bool(body.get("tools")) and not any(one in told for one in results)


def _text(body: dict[str, Any]) -> str:
    wants_json = "schema" in json.dumps(
        [body.get(name) for name in ("response_format", "text", "output_config")]
    )
    return WEATHER if wants_json else PHRASE


def _pieces(text: str) -> Iterator[str]:
    for at in range(0, len(text), 5):
        yield text[at : at + 5]


def _chat(body: dict[str, Any]) -> tuple[dict[str, Any], list[Event]]:
    if _calls_tool(body):
        function = {"name": "weather", "arguments": CITY}
        call = {"id": "call_1", "type": "function", "function": function}
        message = {"role": "assistant", "content": None, "tool_calls": [call]}
        first = {**call, "index": 0, "function": {"name": "weather", "arguments": ""}}
        deltas: list[dict[str, Any]] = [{"role": "assistant", "tool_calls": [first]}]
        deltas += [
            {"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}
            for piece in _pieces(CITY)
        ]
        reason = "tool_calls"
    else:
        message = {"role": "assistant", "content": _text(body)}
        deltas = [{"role": "assistant", "content": ""}]
        deltas += [{"content": piece} for piece in _pieces(_text(body))]
        reason = "stop"
    head: dict[str, Any] = {
        "id": "chatcmpl-1",
        "created": 1_790_000_000,
        "model": body["model"],
    }
    whole: dict[str, Any] = {
        **head,
        "object": "chat.completion",
        "choices": [{"index": 0, "message": message, "finish_reason": reason}],
        "usage": COMPLETION_USAGE,
    }
    chunk = {**head, "object": "chat.completion.chunk"}
    choices: list[dict[str, Any]]
    choices = [{"index": 0, "delta": one, "finish_reason": None} for one in deltas]
    choices.append({"index": 0, "delta": {}, "finish_reason": reason})
    events: list[Event] = [
        (None, {**chunk, "choices": [choice], "usage": COMPLETION_USAGE})
        for choice in choices
    ]
    events.append((None, {**chunk, "choices": [], "usage": COMPLETION_USAGE}))
    return whole, [*events, ("[DONE]", {})]


def _message(body: dict[str, Any]) -> tuple[dict[str, Any], list[Event]]:
    whole_block: dict[str, Any]
    first_block: dict[str, Any]
    if _calls_tool(body):
        block = {"type": "tool_use", "id": "toolu_1", "name": "weather"}
        whole_block = {**block, "input": json.loads(CITY)}
        first_block = {**block, "input": {}}
        deltas = [
            {"type": "input_json_delta", "partial_json": piece}
            for piece in _pieces(CITY)
        ]
        reason = "tool_use"
    else:
        whole_block = {"type": "text", "text": _text(body)}
        first_block = {"type": "text", "text": ""}
        deltas = [
            {"type": "text_delta", "text": piece} for piece in _pieces(_text(body))
        ]
        reason = "end_turn"
    head: dict[str, Any] = {
        "id": "msg_1", "type": "message", "role": "assistant", "model": body["model"],
    }  # fmt: skip
    whole: dict[str, Any] = {
        **head,
        "content": [whole_block],
        "stop_reason": reason,
        "stop_sequence": None,
        "usage": USAGE,
    }
    nothing: dict[str, Any] = {"input_tokens": 0, "output_tokens": 0}
    begun = {**head, "content": [], "stop_reason": None, "usage": nothing}
    ended: dict[str, Any] = {
        "delta": {"stop_reason": reason, "stop_sequence": None},
        "usage": USAGE,
    }
    return whole, [
        ("message_start", {"message": begun}),
        ("content_block_start", {"index": 0, "content_block": first_block}),
        *(("content_block_delta", {"index": 0, "delta": one}) for one in deltas),
        ("content_block_stop", {"index": 0}),
        ("message_delta", ended),
        ("message_stop", {}),
    ]


def _response(body: dict[str, Any]) -> tuple[dict[str, Any], list[Event]]:
    item: dict[str, Any]
    first: dict[str, Any]
    at = {"output_index": 0, "item_id": "item_1", "content_index": 0}
    if _calls_tool(body):
        kind, text = "response.function_call_arguments", CITY
        item = {
            "id": "item_1", "type": "function_call", "call_id": "call_1",
            "name": "weather", "arguments": CITY, "status": "completed",
        }  # fmt: skip
        first = {**item, "arguments": "", "status": "in_progress"}
        opening: list[Event] = []
        closing: list[Event] = [(f"{kind}.done", {**at, "arguments": CITY})]
    else:
        kind, text = "response.output_text", _text(body)
        part = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
        item = {
            "id": "item_1", "type": "message", "role": "assistant",
            "status": "completed", "content": [part],
        }  # fmt: skip
        first = {**item, "content": [], "status": "in_progress"}
        empty = {**part, "text": ""}
        opening = [("response.content_part.added", {**at, "part": empty})]
        closing = [
            (f"{kind}.done", {**at, "text": text, "logprobs": []}),
            ("response.content_part.done", {**at, "part": part}),
        ]
    whole = {
        "id": "resp_1", "object": "response", "created_at": 1_790_000_000,
        "status": "completed", "model": body["model"], "output": [item],
        "parallel_tool_calls": True, "tool_choice": "auto", "error": None,
        "tools": body.get("tools") or [], "usage": RESPONSE_USAGE,
    }  # fmt: skip
    begun = {**whole, "status": "in_progress", "output": [], "usage": None}
    deltas: list[Event] = [
        (f"{kind}.delta", {**at, "delta": piece, "logprobs": []})
        for piece in _pieces(text)
    ]
    events: list[Event] = [
        ("response.created", {"response": begun}),
        ("response.output_item.added", {"output_index": 0, "item": first}),
        *opening,
        *deltas,
        *closing,
        ("response.output_item.done", {"output_index": 0, "item": item}),
        ("response.completed", {"response": whole}),
    ]
    return whole, [
        (name, {**value, "sequence_number": number})
        for number, (name, value) in enumerate(events)
    ]


_SPEAKERS = {
    "/v1/chat/completions": _chat,
    "/v1/messages": _message,
    "/v1/responses": _response,
}
