import http.server
import threading
from datetime import UTC, datetime, timedelta

import pytest

from inference.models import EngineState
from metering.domain.components import (
    Health,
    health_of_engines,
    health_of_lag,
    percent_up,
)
from metering.models import OpenHour
from metering.services.probe_components import probe_components
from metering.status_models import ComponentDay
from tests.factories import make_engine, make_served_model, make_tenant

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 20, 23, 59, tzinfo=UTC)


class Answering(http.server.BaseHTTPRequestHandler):
    status = 200

    def do_GET(self):
        self.send_response(self.status if self.path == "/healthz" else 404)
        self.end_headers()

    def log_message(self, *_):
        """Silent."""


@pytest.fixture
def server(settings, tmp_path):
    """Portal and proxy in one; the journal is empty."""
    Answering.status = 200
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        address = f"http://127.0.0.1:{server.server_port}"
        settings.PROXY_URL = settings.PORTAL_URL = address
        settings.JOURNAL_FOLDER = tmp_path
        yield server
        server.shutdown()
        thread.join()


def test_it_works(server):
    del server
    model = make_served_model(name="small")
    make_engine(served_model=model)
    make_engine(served_model=model, state=EngineState.UNREACHABLE)
    make_served_model(name="without-engine", is_default=False)

    found = probe_components(now=NOW)

    assert found == {
        "api": Health.UP,
        "portal": Health.UP,
        "usage": Health.UP,
        "model:small": Health.DEGRADED,
    }
    row = ComponentDay.objects.get(component="model:small")
    assert (row.probes, row.degraded, row.failed) == (1, 1, 0)


def test_a_day_is_counted_and_the_next_begins_anew(server):
    probe_components(now=NOW)
    Answering.status = 503
    probe_components(now=NOW + timedelta(seconds=30))
    probe_components(now=NOW + timedelta(minutes=1))
    del server

    rows = ComponentDay.objects.filter(component="api").order_by("day")
    assert [(row.day.day, row.probes, row.failed, row.health) for row in rows] == [
        (20, 2, 1, "down"),
        (21, 1, 1, "down"),
    ]


def test_what_nobody_listens_at_is_down(settings, tmp_path):
    settings.PROXY_URL = settings.PORTAL_URL = "http://127.0.0.1:1"
    settings.JOURNAL_FOLDER = tmp_path / "none"
    found = probe_components(now=NOW)
    assert found["api"] is found["portal"] is Health.DOWN
    assert found["usage"] is Health.UP


def test_usage_that_is_not_summed_is_told(server):
    del server
    hour = NOW - timedelta(hours=1, minutes=11)
    OpenHour.objects.create(tenant_id=make_tenant().pk, hour_at=hour)
    assert probe_components(now=NOW)["usage"] is Health.DOWN


@pytest.mark.parametrize(
    ("ready", "count", "health"),
    [(0, 2, Health.DOWN), (1, 2, Health.DEGRADED), (2, 2, Health.UP)],
)
def test_a_model_is_as_its_engines(ready, count, health):
    assert health_of_engines(ready=ready, count=count) is health


@pytest.mark.parametrize(
    ("seconds", "health"),
    [(0, Health.UP), (60, Health.DEGRADED), (600, Health.DOWN)],
)
def test_a_lag_becomes_a_disturbance(seconds, health):
    assert health_of_lag(timedelta(seconds=seconds)) is health


@pytest.mark.parametrize(
    ("probes", "failed", "text"),
    [(0, 0, ""), (1, 0, "100.00"), (100_000, 1, "99.99"), (3, 1, "66.66")],
)
def test_a_hundred_is_said_of_all_only(probes, failed, text):
    assert percent_up(probes=probes, failed=failed) == text
