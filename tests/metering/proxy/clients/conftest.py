"""A proxy before an engine that calls tools, for the official clients."""

import os
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import redis

from metering.wire import UsageEvent
from tests.metering.proxy.clients.spoken_engine import OUTPUT, PROMPT, SpokenEngine
from tests.metering.proxy.conftest import Plane, until


@dataclass
class Spoken:
    plane: Plane
    engine: SpokenEngine
    secret: str

    @property
    def url(self) -> str:
        return self.plane.url

    def billed(self, count: int) -> list[UsageEvent]:
        """The events of the last calls, each as the engine counted it."""
        events: list[UsageEvent] = until(
            lambda: (all_ := self.plane.events())[count - 1 :] and all_
        )
        assert len(events) == count
        for event in events:
            assert (event.input_tokens, event.output_tokens) == (PROMPT, OUTPUT)
        return events


@pytest.fixture(scope="module")
def spoken_plane(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Plane, SpokenEngine]]:
    with redis.Redis.from_url(os.environ["VALKEY_URL"], db=0) as valkey:
        plane = Plane(tmp_path_factory.mktemp("spoken"), valkey)
        path = plane.home / "s.sock"
        engine = SpokenEngine(path)
        plane.engines[1] = path
        plane.start_proxy()
        yield plane, engine
        plane.stop()
        engine.stop()


@pytest.fixture
def spoken(spoken_plane: tuple[Plane, SpokenEngine], valkey: redis.Redis) -> Spoken:
    del valkey  # emptied before and after
    plane, engine = spoken_plane
    plane.policies.clear()
    plane.publish_routes()
    plane.publish_prices()
    secret = plane.add_key()
    headers = {"authorization": f"Bearer {secret}"}
    until(lambda: plane.client.get("/v1/models", headers=headers).is_success)
    until(lambda: plane.chat(secret).is_success)
    plane._events_before = 0
    plane._events_before = len(plane.recorded())
    engine.bodies.clear()
    return Spoken(plane, engine, secret)
