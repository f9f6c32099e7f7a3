"""What the official client sends, as an engine that records it gets it."""

import http.server
import json
import socketserver
import threading
from collections.abc import Iterator
from typing import Any, ClassVar

import msgspec
import openai
import pytest
from openai import OpenAI
from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolParam

from tests.metering.proxy.conftest import MODEL, Plane, until


class RecordingEngine(http.server.BaseHTTPRequestHandler):
    """Answers every call with the same answer and keeps what it was sent."""

    protocol_version = "HTTP/1.1"
    bodies: ClassVar[list[bytes]] = []
    headers_seen: ClassVar[list[dict[str, str]]] = []
    answer: ClassVar[dict[str, Any]] = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": MODEL,
        "choices": [
            {
                "index": 0,
                "finish_reason": "tool_calls",
                "message": {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [
                        {
                            "id": "call-1",
                            "type": "function",
                            "function": {
                                "name": "tide",
                                "arguments": '{"at": "Ostende"}',
                            },
                        }
                    ],
                },
            }
        ],
        "usage": {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13},
    }

    def do_GET(self) -> None:
        self._say(b"")

    def do_POST(self) -> None:
        self.bodies.append(self.rfile.read(int(self.headers["content-length"])))
        self.headers_seen.append(dict(self.headers.items()))
        self._say(json.dumps(self.answer).encode())

    def _say(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - its name
        pass


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True


@pytest.fixture
def recorded(bare_plane: Plane) -> Iterator[list[bytes]]:
    """Bodies that reached an engine which records; `bare_plane` is in front of it."""
    RecordingEngine.bodies.clear()
    RecordingEngine.headers_seen.clear()
    path = bare_plane._sockets / "recording.sock"
    with _Server(str(path), RecordingEngine) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        bare_plane.engines[1] = path
        bare_plane.publish_routes()
        bare_plane.publish_prices()
        bare_plane.publish_keys()
        bare_plane.start_proxy()
        until(bare_plane.is_ready)
        yield RecordingEngine.bodies
        server.shutdown()
        thread.join()


TOOLS: list[ChatCompletionToolParam] = [
    {
        "type": "function",
        "function": {
            "name": "tide",
            "description": "High water at a place — „hoog water“ 🌊",
            "strict": True,
            "parameters": {
                "type": "object",
                "properties": {
                    "at": {"type": "string"},
                    "metres": {"type": "number", "minimum": -1.50},
                },
                "required": ["at"],
                "additionalProperties": False,
            },
        },
    }
]
MESSAGES: list[ChatCompletionMessageParam] = [
    {"role": "user", "content": "When is high water?"},
    {"role": "assistant", "content": None, "refusal": "ß"},
]
SCHEMA: Any = {
    "type": "json_schema",
    "json_schema": {
        "name": "tide",
        "strict": True,
        "schema": {"type": "object", "properties": {"z": {}, "a": {"const": 1.0}}},
    },
}


def test_tools_and_formats_pass_as_they_were_sent(
    bare_plane: Plane, recorded: list[bytes]
):
    sent: list[bytes] = []
    hooks = {"request": [lambda request: sent.append(request.content)]}
    own_client = openai.DefaultHttpxClient(event_hooks=hooks)
    with OpenAI(
        api_key=bare_plane.add_key(),
        base_url=f"{bare_plane.url}/v1",
        http_client=own_client,
    ) as client:
        answer = client.chat.completions.create(
            model="default",
            messages=MESSAGES,
            tools=TOOLS,
            tool_choice={"type": "function", "function": {"name": "tide"}},
            parallel_tool_calls=False,
            response_format=SCHEMA,
            temperature=0.1,
            seed=2**53 + 1,
            stop=["\n\n", "Ende"],
            logit_bias={"50256": -100},
            user="someone",
            metadata={"a": "b"},
            extra_body={"top_k": 40, "min_p": 0.05, "cache_salt": "mine"},
        )
    (came,) = recorded
    members = msgspec.json.decode(came, type=dict[str, msgspec.Raw])
    expected = msgspec.json.decode(sent[0], type=dict[str, msgspec.Raw])
    ours = {
        "model": msgspec.Raw(json.dumps(MODEL).encode()),
        "cache_salt": msgspec.Raw(json.dumps(bare_plane.salt).encode()),
    }
    del expected["metadata"]  # OpenAI's own storage, without effect here
    assert members == {**expected, **ours}
    call = (answer.choices[0].message.tool_calls or [])[0]
    assert call.type == "function"
    assert call.function.arguments == '{"at": "Ostende"}'


def test_nothing_of_the_clients_head_reaches_the_engine(
    bare_plane: Plane, recorded: list[bytes]
):
    secret = bare_plane.add_key()
    with OpenAI(
        api_key=secret,
        base_url=f"{bare_plane.url}/v1",
        organization="org",
        project="p",
    ) as client:
        client.chat.completions.create(
            model="default",
            messages=MESSAGES,
            extra_headers={"x-request-id": "mine", "cookie": "a=b"},
            extra_query={"cache_salt": "mine"},
        )
    assert len(recorded) == 1
    (headers,) = RecordingEngine.headers_seen
    assert {name.lower() for name in headers} == {
        "host",
        "authorization",
        "x-request-id",
        "content-type",
        "content-length",
    }
    assert secret not in str(headers)
    assert headers["x-request-id"] != "mine"
