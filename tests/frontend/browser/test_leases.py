"""A developer watches a lease run down, and gives it back without a mouse."""

from datetime import UTC, datetime, timedelta

import pytest

from frontend.formatting import time_left
from inference.domain.lease_row import LeaseStatus
from tests.engine_contract.lease_engines import run_tiny_simulator
from tests.frontend.believable import record
from tests.frontend.believable_leases import leased_call, told
from tests.inference.lease_books import tell
from tests.inference.live_leases import engine_row, held_by, kept, lease_of

pytestmark = pytest.mark.browser

SHOWN = "() => document.querySelector('[data-until]').textContent"
ADD = """([id, until]) => {
  const one = Object.assign(document.createElement("time"), {id});
  one.dataset.until = until;
  document.body.append(one);
}"""


@pytest.fixture
def running(tmp_path):
    with run_tiny_simulator(tmp_path) as running:
        yield running


@pytest.fixture
def lease(running, people, version, valkey, settings):
    settings.ENGINE_KEY = running.key
    engine = engine_row(running, served_model=version.served_model)
    row = lease_of(running, engine, people.api_key, valkey)
    now = datetime.now(UTC)
    event = leased_call(people.api_key, version, engine, now, lease_id=row.lease_id)
    record([event], now)
    tell(engine, told(1, event, now, bytes=row.bytes))
    return row


def test_it_works(visit, people, running, lease, valkey):
    with visit(people.users["owner"]) as seen:
        page = seen.page
        seen.open("/leases/")
        page.get_by_role("link", name="Release the lease").focus()
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="Release this lease?").wait_for()
        page.get_by_role("button", name="Release it").focus()
        page.keyboard.press("Enter")
        page.get_by_text("Released. The meter has stopped.").wait_for()

    assert held_by(running) == []
    assert kept(valkey, lease).status is LeaseStatus.RELEASED


def test_the_time_left_runs_down_by_the_servers_clock(visit, people, lease):
    with visit(people.users["owner"]) as seen:
        page = seen.page
        page.emulate_media(reduced_motion="no-preference")
        # Neither a wrong clock here nor a page without news may matter.
        page.clock.set_system_time("2031-01-01")
        page.route("**/leases/", _whole_page_only)
        seen.open("/leases/")
        before = page.evaluate(SHOWN)
        page.wait_for_function(f"before => ({SHOWN})() !== before", arg=before)
        after = page.evaluate(SHOWN)

        left = lease.expires_at_ms / 1000 - datetime.now(UTC).timestamp()
        assert abs(int(after.removesuffix(" s")) - left) < 3


def _whole_page_only(route) -> None:
    if "hx-request" in route.request.headers:
        route.fulfill(status=204)
    else:
        route.continue_()


def test_the_script_writes_times_as_the_server_does(visit, people, lease):
    lefts = [timedelta(days=2, hours=4, minutes=30), timedelta(hours=3, minutes=2.5)]
    lefts += [timedelta(minutes=7, seconds=30), timedelta(seconds=-1)]
    begun = lease.granted_at_ms / 1000
    with visit(people.users["owner"]) as seen:
        seen.page.emulate_media(reduced_motion="no-preference")
        seen.open("/leases/")
        for left in lefts:
            until_ms = (begun + left.total_seconds()) * 1000
            seen.page.evaluate(ADD, [f"left-{left.total_seconds():.0f}", until_ms])
            shown = seen.page.locator(f"#left-{left.total_seconds():.0f}:not(:empty)")
            text = shown.text_content()
            now = datetime.now(UTC).timestamp()
            possible = [begun + left.total_seconds() - now + late for late in range(3)]
            assert text in {time_left(timedelta(seconds=one)) for one in possible}
