"""An engine that was drained gets no new calls, and ends those that it has: from the
row in PostgreSQL to a real proxy before two engines.
"""

import json

import httpx
import pytest

from inference.domain.engine_gauges import parse_gauges
from inference.models import Engine
from inference.services.drain_engine import drain_engine
from inference.services.publish_routes import read_routes
from inference.services.resume_engine import resume_engine
from inference.wire import SNAPSHOT_KIND
from tenants.domain import api_keys
from tests.factories import make_engine, make_served_model
from tests.metering.proxy.conftest import MODEL, NO_TLS, Plane, until

pytestmark = pytest.mark.django_db
CALLS = 12
"""All on one of two engines that both take calls: a chance of 1 in 2,000."""
TOKENS = 60
SPEED = "40"
"""Tokens a second: the long call takes a second and a half."""


class Fleet:
    """Two engines that run, with their rows."""

    def __init__(self, plane: Plane) -> None:
        self.plane = plane
        self.secret = plane.add_key()
        plane.publish_prices()
        model = make_served_model(name=MODEL)
        for number in (1, 2):
            path = plane.start_engine(number, SIMULATOR_TOKENS_PER_SECOND=SPEED)
            make_engine(served_model=model, name=f"e{number}", address=path)
        plane.publish(SNAPSHOT_KIND, read_routes())
        plane.start_proxy()
        until(lambda: plane.metric("tokenfab_proxy_engine_healthy") == 2)

    def publish(self) -> None:
        """As the commit of a drain does. A key that it does not know makes the proxy
        look; the first time, that may be a look that was under way.
        """
        self.plane.publish(SNAPSHOT_KIND, read_routes())
        for _ in range(2):
            assert self.plane.chat(api_keys.make("live")).status_code == 401

    def running_on(self, row: Engine) -> int:
        transport = httpx.HTTPTransport(
            uds=row.address.removeprefix("unix:"), verify=NO_TLS
        )
        with httpx.Client(transport=transport, base_url="http://engine") as client:
            return parse_gauges(client.get("/metrics").text).running

    def called(self, calls: int = CALLS) -> set[int]:
        """Ids of the engines that so many calls, one after the other, went to."""
        before = len(self.plane.events())
        for number in range(calls):
            answer = self.plane.chat(self.secret, f"Hello {number}", max_tokens=1)
            assert answer.status_code == 200
        return {event.engine_id for event in self.plane.events()[before:]}


@pytest.fixture
def fleet(bare_plane: Plane) -> Fleet:
    return Fleet(bare_plane)


def test_it_works(fleet: Fleet):
    rows = {row.pk: row for row in Engine.objects.all()}
    body = {
        "model": "default",
        "messages": [{"role": "user", "content": "Tell me a story"}],
        "max_tokens": TOKENS,
        "ignore_eos": True,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    headers = {"authorization": f"Bearer {fleet.secret}"}
    with (
        fleet.plane.new_client() as client,
        client.stream(
            "POST", "/v1/chat/completions", json=body, headers=headers
        ) as answer,
    ):
        lines = answer.iter_lines()
        next(lines)
        drained = next(row for row in rows.values() if fleet.running_on(row))

        assert drain_engine(engine_id=drained.pk)
        fleet.publish()

        assert fleet.running_on(drained) == 1
        assert fleet.called() == rows.keys() - {drained.pk}
        rest = [line for line in lines if line.startswith("data: {")]

    usage = json.loads(rest[-1].removeprefix("data: "))["usage"]
    assert usage["completion_tokens"] == TOKENS
    until(lambda: fleet.running_on(drained) == 0)
    story = next(e for e in fleet.plane.events() if e.output_tokens == TOKENS)
    assert story.engine_id == drained.pk

    assert resume_engine(engine_id=drained.pk)
    fleet.publish()
    assert fleet.called(2 * CALLS) == rows.keys()


def test_calls_of_a_model_without_another_engine_are_told_to_wait(fleet: Fleet):
    for row in Engine.objects.all():
        drain_engine(engine_id=row.pk)
    fleet.publish()

    answer = fleet.plane.chat(fleet.secret)

    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "engine_not_ready"
    assert int(answer.headers["retry-after"]) > 0
