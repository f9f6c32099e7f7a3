"""Two proxy processes on ports of their own, on one Valkey that can be killed too."""

import json
import signal
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import msgspec
import redis

from config.supervisor.ports import any_free_port
from config.supervisor.valkey import prepare
from metering.domain import journal_format
from metering.domain.journal_format import TornRecordError
from metering.wire import Outcome, UsageEvent
from tests.metering.proxy.conftest import Plane, until
from tests.metering.proxy.raw import RawClient, request


class OwnValkey:
    """With a file, as the embedded one."""

    def __init__(self, folder: Path) -> None:
        self.port = any_free_port()
        self._folder = folder
        self._binary = prepare(folder / "unused", self.port).binary
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"redis://127.0.0.1:{self.port}"
        self.client = redis.Redis.from_url(self.url)

    def start(self) -> None:
        self._process = subprocess.Popen(
            [
                *(self._binary, "--port", str(self.port), "--dir", str(self._folder)),
                *("--bind", "127.0.0.1", "--appendonly", "yes", "--save", ""),
            ],
            stdout=subprocess.DEVNULL,
        )
        until(self._answers)

    def _answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except redis.ConnectionError:
            return False

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        self.client.close()
        self.kill()


class TwoProxies:
    def __init__(self, plane: Plane, url: str) -> None:
        self.plane = plane
        self._url = url
        self.ports = [any_free_port(), any_free_port()]
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self, **settings: str) -> None:
        self._settings = {"IDEMPOTENCY_LEASE_SECONDS": "1", **settings}
        for index in range(2):
            self.processes.append(self._start(index))
        until(lambda: self.is_ready(0) and self.is_ready(1))

    def _start(self, index: int) -> subprocess.Popen[bytes]:
        self.plane.port = self.ports[index]
        self.plane.client.close()
        self.plane.url = f"http://127.0.0.1:{self.plane.port}"
        self.plane.client = self.plane.new_client()
        return self.plane.start_proxy(
            PROXY_INDEX=str(index), VALKEY_URL=self._url, **self._settings
        )

    def kill(self, index: int) -> None:
        self.processes[index].send_signal(signal.SIGKILL)
        self.processes[index].wait()

    def restart(self, index: int) -> None:
        self.processes[index] = self._start(index)
        until(lambda: self.is_ready(index))

    def is_ready(self, index: int) -> bool:
        return self.get(index, "/readyz").status_code == 200

    def knows(self, secret: str) -> bool:
        """Whether both processes do."""
        answers = [self.get(index, "/v1/models", secret) for index in range(2)]
        return all(answer.is_success for answer in answers)

    def get(self, index: int, path: str, secret: str | None = None) -> httpx.Response:
        with self.client(index) as client:
            headers = {"authorization": f"Bearer {secret}"} if secret else {}
            return client.get(path, headers=headers)

    def client(self, index: int) -> httpx.Client:
        return httpx.Client(
            base_url=f"http://127.0.0.1:{self.ports[index]}", timeout=20
        )

    def raw(self, index: int, *, receive_bytes: int | None = None) -> RawClient:
        client = RawClient(self.ports[index], receive_bytes=receive_bytes)
        self.plane.raw_clients.append(client)
        return client

    def chat(
        self, index: int, secret: str, key: str | None, **fields: Any
    ) -> httpx.Response:
        headers = {"authorization": f"Bearer {secret}"}
        if key is not None:
            headers["idempotency-key"] = key
        with self.client(index) as client:
            return client.post(
                "/v1/chat/completions", content=body(**fields), headers=headers
            )

    def events(self) -> list[UsageEvent]:
        """Of both journals, the unbilled left out."""
        events: list[UsageEvent] = []
        for segment in sorted((self.plane.home / "journal").glob("*/*.journal")):
            try:
                events.extend(
                    msgspec.json.decode(record.payload, type=UsageEvent)
                    for record in journal_format.unpack(segment.read_bytes())
                )
            except TornRecordError:
                continue
        return [event for event in events if event.outcome != Outcome.UNBILLED]

    def charges(self) -> Counter[tuple[str, int]]:
        """As PostgreSQL tells events apart."""
        return Counter(
            (event.event_id, event.happened_at_us) for event in self.events()
        )


def body(**fields: Any) -> bytes:
    document = {
        "model": "default",
        "messages": [{"role": "user", "content": "Hello"}],
        "max_tokens": 40,
        "ignore_eos": True,
        **fields,
    }
    return json.dumps(document).encode()


def raw_chat(secret: str, key: str, **fields: Any) -> bytes:
    return request(secret, body(**fields), b"idempotency-key: %b" % key.encode())
