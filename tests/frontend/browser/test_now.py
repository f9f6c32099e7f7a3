"""An operator watches the plant: by events, by polling, and without scripts."""

from datetime import UTC, datetime, timedelta

import pytest

from metering.audit_models import EngineEpoch
from tests.engine_contract.lease_engines import Conversation, run_tiny_simulator
from tests.frontend.believable_prompts import make_placement, make_prompt
from tests.inference.live_leases import engine_row
from tests.metering.audit import make_reading

pytestmark = pytest.mark.browser


@pytest.fixture
def running(tmp_path):
    with run_tiny_simulator(tmp_path) as running:
        yield running


@pytest.fixture
def engine(running, people, version, settings):
    """Holds leases, and was busy for a quarter of an hour."""
    settings.ENGINE_KEY = running.key
    row = engine_row(running, served_model=version.served_model, name="engine-1")
    for number in range(2):
        Conversation(running, tenant_id=f"{number}").turn(
            lease_id=f"{number:032x}", ttl_ms=60_000
        )
    now = datetime.now(UTC)
    prompt = make_prompt(people.api_key, version.served_model, now)
    make_placement(prompt, row, now, blocks=2)
    epoch = EngineEpoch.objects.create(
        engine_id=row.pk, started_at=now - timedelta(days=2), is_start_known=True
    )
    new = cached = output = 0
    for number in range(90):
        busy = 20 + (number * 37) % 41
        new, cached, output = new + 70 * busy, cached + 110 * busy, output + 30 * busy
        make_reading(
            epoch,
            now - timedelta(seconds=10 * (90 - number)),
            new=new,
            cached=cached,
            output=output,
            running=busy // 4,
            waiting=busy // 20,
        )
    return row


@pytest.mark.usefixtures("engine", "streams")
def test_it_works(visit, people):
    with visit(people.users["staff"]) as seen:
        seen.open("/operator/now/")
        seen.page.locator("#live[data-live-by=events]").wait_for()
        seen.page.locator("#chart canvas").wait_for()
        seen.page.get_by_text("Leases of conversations").first.wait_for()
        seen.screenshots("operator-now-live")


@pytest.mark.usefixtures("streams")
def test_what_changes_is_seen_without_a_click(visit, people, engine):
    with visit(people.users["staff"]) as seen:
        seen.open("/operator/now/")
        seen.page.locator("#live[data-live-by=events]").wait_for()
        engine.name = "renamed-engine"
        engine.save()
        seen.page.get_by_text("renamed-engine").wait_for()


def test_who_finds_no_place_polls(visit, people, engine):
    with visit(people.users["staff"]) as seen:
        seen.open("/operator/now/")
        seen.page.locator("#live[data-live-by=polling]").wait_for()
        engine.name = "renamed-engine"
        engine.save()
        seen.page.get_by_text("renamed-engine").wait_for()


@pytest.mark.usefixtures("engine")
def test_it_is_read_without_scripts(visit, people):
    with visit(people.users["staff"], java_script_enabled=False) as seen:
        seen.open("/operator/now/")
        assert seen.page.get_by_text("engine-1").is_visible()
        assert seen.page.locator(".kv-picture rect").count() > 1
        assert seen.page.locator(".spark polyline").is_visible()
        seen.page.get_by_text("Speeds by the minute").click()
        assert seen.page.locator("tbody tr").count() > 10
