"""An engine under test, whichever it is, and how to start the simulated one."""

import contextlib
import json
import os
import re
import signal
import socket as sockets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

ANSWER_SECONDS_MAX = 120.0
"""A cold prompt on two cores takes the real engine this long at worst."""

ON_THEIR_WAY_MAX = 8
"""Tokens that a busy engine makes, at most, before it sees that its caller has left."""


@dataclass(frozen=True, kw_only=True)
class EngineUnderTest:
    socket: Path
    key: str
    model: str
    pid: int = 0
    """0: somebody else's process."""
    port: int = 0
    """On loopback; 0: it listens on the socket."""

    def connect(self) -> sockets.socket:
        """Raises OSError where nobody listens."""
        family = sockets.AF_INET if self.port else sockets.AF_UNIX
        connection = sockets.socket(family)
        connection.settimeout(ANSWER_SECONDS_MAX)
        try:
            connection.connect(
                ("127.0.0.1", self.port) if self.port else str(self.socket)
            )
        except OSError:
            connection.close()
            raise
        return connection

    def client(self, **headers: str) -> httpx.Client:
        return httpx.Client(
            transport=httpx.HTTPTransport(uds=str(self.socket)),
            base_url="http://engine",
            headers={"authorization": f"Bearer {self.key}"} | headers,
            timeout=ANSWER_SECONDS_MAX,
        )

    def post(self, path: str, body: dict[str, Any], **headers: str) -> httpx.Response:
        with self.client(**headers) as client:
            return client.post(path, json={"model": self.model} | body)

    def chat(self, prompt: str, **fields: Any) -> dict[str, Any]:
        """The body of a whole chat answer; the status must be 200."""
        body = {"messages": [{"role": "user", "content": prompt}]} | fields
        answer = self.post("/v1/chat/completions", body)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def stream(self, path: str, **fields: Any) -> list[dict[str, Any]]:
        """The events of a stream, `[DONE]` checked and left out."""
        with (
            self.client() as client,
            client.stream(
                "POST", path, json={"model": self.model, "stream": True} | fields
            ) as answer,
        ):
            assert answer.status_code == 200, answer.read()
            lines = [line for line in answer.iter_lines() if line]
        assert all(line.startswith("data: ") for line in lines)
        assert lines.pop() == "data: [DONE]"
        return [json.loads(line[6:]) for line in lines]

    def stream_chat(self, prompt: str, **fields: Any) -> list[dict[str, Any]]:
        messages = [{"role": "user", "content": prompt}]
        return self.stream("/v1/chat/completions", messages=messages, **fields)

    def events(
        self, path: str, body: dict[str, Any], *, leaves_after: int | None = None
    ) -> list[dict[str, Any]]:
        """The typed events of a stream, each checked against its own name.

        Whoever `leaves_after` so many text deltas closes the connection there.
        """
        asked = {"model": self.model, "stream": True} | body
        found: list[dict[str, Any]] = []
        name = ""
        with (
            self.client() as client,
            client.stream("POST", path, json=asked) as answer,
        ):
            assert answer.status_code == 200, answer.read()
            for line in answer.iter_lines():
                kind, _, data = line.partition(": ")
                if kind == "event":
                    name = data
                elif kind == "data":
                    found.append(json.loads(data))
                    assert found[-1]["type"] == name
                if leaves_after == sum(map(is_text_delta, found)):
                    break
        return found

    def owner(self) -> str:
        """What the answers name as their server: "simulator" or "uvicorn"."""
        with self.client() as client:
            return client.get("/health").headers["server"]

    def idle_counters(self) -> dict[str, float]:
        """The counters once nothing runs and nothing waits."""

        def is_idle() -> bool:
            found = self.counters()
            names = ("vllm:num_requests_running", "vllm:num_requests_waiting")
            return not any(found[name] for name in names)

        wait_until(is_idle)
        return self.counters()

    def raw(self, data: bytes) -> bytes:
        """All bytes that come back for `data` until the engine closes."""
        with self.connect() as connection:
            connection.sendall(data)
            return b"".join(iter(lambda: connection.recv(65536), b""))

    def counters(self) -> dict[str, float]:
        """All samples by `name{labels}`; the labels engine and model are left out."""
        with self.client() as client:
            text = client.get("/metrics").text
        return dict(map(self._sample, re.findall(r"^vllm:.*$", text, re.MULTILINE)))

    def _sample(self, line: str) -> tuple[str, float]:
        name, _, value = line.rpartition(" ")
        for label in ('engine="0"', f'model_name="{self.model}"'):
            name = name.replace(label, "")
        name = re.sub(r"(?<=[{,]),+|,+(?=})", "", name)
        return name.removesuffix("{}"), float(value)

    def counter(self, name: str) -> float:
        return self.counters()[f"vllm:{name}"]


def is_text_delta(event: dict[str, Any]) -> bool:
    return event["type"] in {"response.output_text.delta", "content_block_delta"}


def grown(
    before: dict[str, float], after: dict[str, float], name: str, **labels: str
) -> float:
    """How much a counter has grown; `name` without vLLM's prefix and `_total`."""
    inside = ",".join(f'{label}="{value}"' for label, value in labels.items())
    full = f"vllm:{name}_total" + (f"{{{inside}}}" if inside else "")
    return after[full] - before[full]


def wait_until(condition: Callable[[], bool], *, seconds: float = 20.0) -> None:
    """Polls, since an engine does not tell when its counters have moved."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "The condition did not come true in time."
        time.sleep(0.01)


@contextlib.contextmanager
def run_simulator(folder: Path, **environment: str) -> Iterator[EngineUnderTest]:
    """A simulator of its own, stopped at the end; it must stop well."""
    engine_socket = folder / "engine.sock"
    variables = {
        "ENGINE_SOCKET": str(engine_socket),
        "ENGINE_KEY": "engine-key",
        "PATH": os.environ["PATH"],
    } | environment
    process = subprocess.Popen(
        [sys.executable, "-m", "inference.simulator"],
        env=variables,
        cwd=Path(__file__).parents[2],
    )
    engine = EngineUnderTest(
        socket=engine_socket,
        key=variables["ENGINE_KEY"],
        model=variables.get("SERVED_MODEL_NAME", "smollm2-135m-instruct"),
        pid=process.pid,
        port=int(variables.get("ENGINE_PORT", "0")),
    )
    try:
        wait_until(lambda: process.poll() is not None or _answers(engine))
        yield engine
    finally:
        # A test may have stopped it: a second signal could meet Python's own ending.
        if _answers(engine):
            process.send_signal(signal.SIGTERM)
        status = process.wait(timeout=10)
    assert status == 0


def _answers(engine: EngineUnderTest) -> bool:
    try:
        answer = engine.raw(
            b"GET /health HTTP/1.1\r\nhost: e\r\nconnection: close\r\n\r\n"
        )
    except OSError:
        return False
    return answer.startswith(b"HTTP/1.1 200")
