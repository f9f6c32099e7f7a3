"""What engines do now, asked of a real simulator and of servers that are none."""

import pytest

from inference.domain.lease_control import PLUGIN_VERSION
from inference.services import look_at_engines as service
from inference.services.look_at_engines import look_at_engines
from inference.simulator.routes import VERSION
from tests.engine_contract.engines import run_simulator
from tests.factories import make_engine
from tests.inference.servers import Answer
from tests.inference.services.test_read_engine_counters import answering

pytestmark = pytest.mark.django_db


def test_it_works(tmp_path, settings):
    settings.ENGINE_KEY = "engine-key"
    with run_simulator(tmp_path) as running:
        engine = make_engine(address=running.socket)
        found = look_at_engines([engine])[engine.pk]

    assert found.is_answering
    assert found.version == VERSION
    assert found.gauges is not None
    assert found.leases is not None
    assert found.gauges.pool_blocks == found.leases.pool_blocks > 0
    assert (found.gauges.running, found.gauges.used_blocks) == (0, 0)
    assert found.leases.plugin_version == PLUGIN_VERSION


def test_an_engine_without_our_plugin_still_tells_its_load():
    body = b'vllm:num_requests_running{engine="0"} 2.0\n'
    with answering(body) as address:
        engine = make_engine(address=address)
        found = look_at_engines([engine])[engine.pk]

    assert found.gauges is not None
    assert (found.gauges.running, found.leases, found.version) == (2, None, "")


def test_one_that_is_away_is_told_apart():
    engine = make_engine(address="unix:/nonexistent/engine.sock")
    found = look_at_engines([engine])[engine.pk]
    assert not found.is_answering


@pytest.mark.parametrize("answer", [Answer.HANGING, Answer.DRIPPING])
def test_one_that_hangs_is_left(answer, monkeypatch, run_engine):
    monkeypatch.setattr(service, "LOOK_SECONDS_MAX", 0.05)
    engine = make_engine(address=run_engine(answer))
    assert not look_at_engines([engine])[engine.pk].is_answering
