"""A real proxy process before a real simulated engine; nothing inside is replaced.

The control plane is played by `Plane`, which signs and publishes snapshots as the
control plane does, and reads the journal as the shipper does.
"""

import contextlib
import os
import signal
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import redis

from config import compiled
from config.supervisor.ports import any_free_port as free_port
from inference import wire as inference_wire
from inference.wire import EngineAddress, Route, Task
from metering import wire as metering_wire
from metering.domain import journal_format
from metering.domain.journal_format import TornRecordError
from metering.wire import Outcome, PriceVector, UsageEvent
from tenants import wire as tenants_wire
from tenants.domain import api_keys, snapshot
from tenants.wire import KeyPolicy, LimitKind, RateLimit, Scope
from tests.metering.proxy.raw import RawClient

SNAPSHOT_KEY = "snapshot-key-of-the-tests"
ENGINE_KEY = "engine-key-of-the-tests"
MODEL = "smollm2-135m-instruct"
MODELS = {Task.GENERATE: MODEL, Task.EMBED: "embedder", Task.IMAGE: "painter"}
IMAGE_RATE, HBM_RATE = 40_000_000 * 1_000_000, 13_500_000
"""Nanos per million images: four cents each."""
WAIT_SECONDS_MAX = 60
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For clients on this machine: reading the certificates of all takes 20 ms."""


def until(condition: Callable[[], Any], seconds: float = WAIT_SECONDS_MAX) -> Any:
    """The first true value of `condition`; fails the test when none came in time."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"never came true: {condition}"
        time.sleep(0.01)
    return value


class Plane:
    """One proxy, its engines and what the control plane says to it."""

    def __init__(self, home: Path, valkey: redis.Redis) -> None:
        self.home = home
        self.valkey = valkey
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.processes: list[subprocess.Popen[bytes]] = []
        self.raw_clients: list[RawClient] = []
        self.policies: dict[int, KeyPolicy] = {}
        self.engines: dict[int, Path] = {}
        self.tasks: dict[int, Task] = {}
        self.version = 0
        self.keys_made = 0
        self.salt = "salt-of-tenant-one"
        self.secret = ""
        self._events_before = 0
        self.siblings = 0
        self._sockets = Path(tempfile.mkdtemp(prefix="tf"))
        self.client = self.new_client()

    # What the control plane does.

    def publish(self, kind: str, items: list[Any], *, lifetime: float = 3600) -> None:
        # By the clock, since planes of other tests publish to the same Valkey.
        self.version = max(self.version + 1, time.time_ns() // 1000)
        now = time.time()
        payload = msgspec.json.encode(
            {
                "kind": kind,
                "version": self.version,
                "issued_at": now,
                "expires_at": now + lifetime,
                "items": items,
            }
        )
        blob = snapshot.sign(payload, secret=SNAPSHOT_KEY.encode())
        with self.valkey.pipeline(transaction=True) as both:
            both.set(snapshot.valkey_key(kind), blob)
            both.set(snapshot.valkey_version_key(kind), self.version)
            both.execute()

    def begin_test(self) -> None:
        """Forgets what the test before did: keys, events, faults, cached blocks."""
        for number in self.engines:
            self.order_fault("", times=0, number=number)
        self.policies.clear()
        self.salt = f"salt-{os.urandom(8).hex()}"
        self.publish_routes()
        self.publish_prices()
        self.secret = self.add_key()
        # A success also ends what a router remembers of the failures before; whoever
        # has read the key has read the other snapshots with it.
        until(lambda: self.chat(self.secret).is_success)
        until(self.is_ready)
        self._events_before = 0
        self._events_before = len(self.recorded())

    def publish_keys(self, *, lifetime: float = 3600) -> None:
        policies = list(self.policies.values())
        self.publish(tenants_wire.SNAPSHOT_KIND, policies, lifetime=lifetime)

    def add_key(self, **changes: Any) -> str:
        """Publishes a new key and returns its secret. A limit of the key itself may be
        given by its kind: `requests_per_minute=5`.
        """
        limits = [
            RateLimit(scope=Scope.KEY, kind=kind, model=None, amount=amount)
            for kind in LimitKind
            if (amount := changes.pop(kind.value, None)) is not None
        ]
        if limits:
            changes["rate_limits"] = (*changes.get("rate_limits", ()), *limits)
        secret = api_keys.make("live")
        number = self.keys_made = self.keys_made + 1
        values: dict[str, Any] = {
            "api_key_id": number,
            "tenant_id": 1,
            "project_id": 11,
            "digest": api_keys.digest(secret).hex(),
            "state": "active",
            "expires_at": None,
            "allowed_models": None,
            "rate_limits": (),
            "spend_limits": (),
            "is_prepaid": False,
            "counts_spend": bool(
                changes.get("is_prepaid") or changes.get("spend_limits")
            ),
            "are_cached_tokens_limited": False,
            "refuses_without_limiter": False,
            "cache_salt": self.salt,
        }
        self.policies[number] = KeyPolicy(**{**values, **changes})
        self.publish_keys()
        return secret

    def publish_routes(self) -> None:
        routes = [
            Route(
                model=MODELS[task],
                is_default=task is Task.GENERATE,
                context_tokens=4096,
                created_at=1_790_000_000,
                engines=tuple(self._addresses(task)),
                task=task,
                tokenizer_folder=None,
            )
            for task in sorted({Task.GENERATE, *self.tasks.values()})
        ]
        self.publish(inference_wire.SNAPSHOT_KIND, routes)

    def _addresses(self, task: Task) -> Iterator[EngineAddress]:
        for number, path in self.engines.items():
            if self.tasks.get(number, Task.GENERATE) is task:
                yield EngineAddress(
                    engine_id=number, name=f"e{number}", address=f"unix:{path}"
                )

    def publish_prices(
        self, *, models: tuple[str, ...] = tuple(MODELS.values()), **changes: Any
    ) -> None:
        vectors = [
            PriceVector(
                price_version_id=7,
                model=model,
                new_input_nanos_per_million=100_000_000,
                cached_input_nanos_per_million=20_000_000,
                image_nanos_per_million=IMAGE_RATE,
                **{
                    "output_nanos_per_million": 400_000_000,
                    "hbm_mb_s_nanos_per_million": HBM_RATE,
                    **changes,
                },
                effective_from=0,
                effective_to=None,
            )
            for model in models
        ]
        self.publish(metering_wire.SNAPSHOT_KIND, vectors)

    def seed_money(self, *, credit: int | None = None, tenant_id: int = 1) -> None:
        """Nothing spent before; `credit` nanos ever granted."""
        fields: dict[Any, Any] = {
            "server": self.valkey.info("server")["run_id"],
            "counted_at_us": 0,
        }
        if credit is not None:
            fields["credit"] = credit
        self.valkey.hset(f"tokenfab:money:{{{tenant_id}}}", mapping=fields)

    # The processes.

    def start_engine(
        self, number: int = 1, *, task: Task = Task.GENERATE, **settings: str
    ) -> Path:
        path = self._sockets / f"e{number}.sock"
        environment = {
            "ENGINE_SOCKET": str(path),
            "ENGINE_KEY": ENGINE_KEY,
            "SIMULATOR_FAULTS": "1",
            "SIMULATOR_MAX_NUM_SEQS": "64",
            "SIMULATOR_TASK": task.value,
            "SERVED_MODEL_NAME": MODELS[task],
        }
        self._start("inference.simulator", f"engine{number}", environment | settings)
        until(path.exists)
        self.engines[number] = path
        self.tasks[number] = task
        self.publish_routes()
        return path

    def start_proxy(
        self, *, code: str = "", **settings: str
    ) -> subprocess.Popen[bytes]:
        """`code` is run in place of the module, which it is to start."""
        environment = {
            "PROXY_PORT": str(self.port),
            "TOKENFAB_HOME": str(self.home),
            "VALKEY_URL": os.environ["VALKEY_URL"],
            "SNAPSHOT_KEY": SNAPSHOT_KEY,
            "ENGINE_KEY": ENGINE_KEY,
            "HOLD_SECONDS": "1",
            "DRAIN_SECONDS": "1",
        }
        self._proxy_environment = environment | settings
        process = self._start(
            "metering.proxy.main", "proxy", self._proxy_environment, code=code
        )
        until(lambda: process.poll() is not None or self.is_up())
        assert process.poll() is None, self.log("proxy")
        return process

    def start_sibling(self) -> None:
        """One more proxy process on the same port; ended with the plane."""
        index = self.siblings = self.siblings + 1
        self._start(
            "metering.proxy.main",
            f"proxy{index}",
            self._proxy_environment | {"PROXY_INDEX": str(index)},
        )
        until(lambda: "listening" in self.log(f"proxy{index}"))

    def is_up(self) -> bool:
        try:
            return self.client.get("/healthz").status_code == 200
        except httpx.TransportError:
            return False

    def is_ready(self) -> bool:
        return self.client.get("/readyz").status_code == 200

    def _start(
        self, module: str, name: str, environment: dict[str, str], *, code: str = ""
    ) -> subprocess.Popen[bytes]:
        with (self.home / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, *(("-c", code) if code else ("-m", module))],
                env={"PATH": os.environ["PATH"], **environment},
                cwd=compiled.folder_to_run() if "proxy" in name else None,
                stdout=log,
                stderr=log,
            )
        self.processes.append(process)
        return process

    def log(self, name: str) -> str:
        return (self.home / f"{name}.log").read_text()

    def raw(self, *, receive_bytes: int | None = None) -> RawClient:
        """A connection that says just what it is told."""
        self.raw_clients.append(RawClient(self.port, receive_bytes=receive_bytes))
        return self.raw_clients[-1]

    def stop(self) -> None:
        self.client.close()
        for client in self.raw_clients:
            client.close()
        for process in reversed(self.processes):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in reversed(self.processes):
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    # What came of it.

    def events(self) -> list[UsageEvent]:
        """What somebody pays for, of this test, in order."""
        return [one for one in self.recorded() if one.outcome is not Outcome.UNBILLED]

    def unbilled(self) -> list[UsageEvent]:
        """What an engine may have done for nothing."""
        return [one for one in self.recorded() if one.outcome is Outcome.UNBILLED]

    def recorded(self) -> list[UsageEvent]:
        """What the shipper would find of this test in all segments, in order."""
        return self._read("0/*.journal")[self._events_before :]

    def events_of_all(self) -> list[UsageEvent]:
        """Of all proxy processes, siblings included."""
        return self._read("*/*.journal")

    def _read(self, segments: str) -> list[UsageEvent]:
        events: list[UsageEvent] = []
        for segment in sorted((self.home / "journal").glob(segments)):
            with contextlib.suppress(TornRecordError):
                events += (
                    msgspec.json.decode(record.payload, type=UsageEvent)
                    for record in journal_format.unpack(segment.read_bytes())
                )
        return events

    def counters(self, number: int = 1) -> dict[str, float]:
        """The engine's own counters, summed over their labels."""
        transport = httpx.HTTPTransport(uds=str(self.engines[number]), verify=NO_TLS)
        with httpx.Client(transport=transport, base_url="http://engine") as client:
            text = client.get("/metrics").text
        totals: dict[str, float] = {}
        for line in text.splitlines():
            if line and not line.startswith("#"):
                name, _, value = line.rpartition(" ")
                name = name.partition("{")[0]
                totals[name] = totals.get(name, 0) + float(value)
        return totals

    def order_fault(self, fault: str, *, times: int = 1, number: int = 1) -> None:
        transport = httpx.HTTPTransport(uds=str(self.engines[number]), verify=NO_TLS)
        with httpx.Client(transport=transport, base_url="http://engine") as client:
            body = {"fault": fault, "times": times}
            client.post("/simulator/fault", json=body).raise_for_status()

    def metric(self, name: str) -> float:
        text = self.client.get("/metrics").text
        return sum(
            float(line.rpartition(" ")[2])
            for line in text.splitlines()
            if line.partition("{")[0].partition(" ")[0] == name
        )

    def new_client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=60, verify=NO_TLS)

    def chat(
        self,
        secret: str,
        content: str = "Hello",
        client: httpx.Client | None = None,
        **fields: Any,
    ) -> httpx.Response:
        body = {
            "model": "default",
            "messages": [{"role": "user", "content": content}],
            "max_tokens": 8,
            **fields,
        }
        headers = {"authorization": f"Bearer {secret}"}
        client = client or self.client
        return client.post("/v1/chat/completions", json=body, headers=headers)


@pytest.fixture
def bare_plane(tmp_path: Path, valkey: redis.Redis) -> Iterator[Plane]:
    """Nothing runs yet; for tests that start processes in a way of their own."""
    plane = Plane(tmp_path, valkey)
    yield plane
    plane.stop()


@pytest.fixture(scope="session")
def shared_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plane]:
    with redis.Redis.from_url(os.environ["VALKEY_URL"], db=0) as client:
        plane = Plane(tmp_path_factory.mktemp("plane"), client)
        plane.start_engine()
        plane.start_proxy()
        yield plane
        plane.stop()


@pytest.fixture
def plane(shared_plane: Plane, valkey: redis.Redis) -> Plane:
    """One proxy and one engine, priced and ready; as new, but for its processes."""
    del valkey  # emptied before and after
    shared_plane.begin_test()
    return shared_plane


@pytest.fixture
def secret(plane: Plane) -> str:
    return plane.secret
