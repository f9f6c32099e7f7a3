"""An operator takes an engine out of work, without a mouse, and puts it back."""

from datetime import UTC, datetime, timedelta

import pytest

from inference.models import Engine
from metering.audit_models import EngineEpoch
from tests.engine_contract.lease_engines import run_tiny_simulator
from tests.factories import make_engine
from tests.frontend.believable import record
from tests.frontend.believable_leases import leased_call, told
from tests.frontend.believable_prompts import make_capacities
from tests.inference.lease_books import tell
from tests.inference.live_leases import engine_row

pytestmark = pytest.mark.browser


@pytest.fixture
def engine(tmp_path, people, version, settings):
    with run_tiny_simulator(tmp_path) as running:
        settings.ENGINE_KEY = running.key
        now = datetime.now(UTC)
        row = engine_row(
            running,
            served_model=version.served_model,
            name="engine-1",
            checked_at=now,
            ready_at=now,
        )
        make_engine(
            served_model=version.served_model, name="engine-2", state="unreachable"
        )
        for days in (9, 2):
            EngineEpoch.objects.create(
                engine_id=row.pk,
                started_at=now - timedelta(days=days),
                is_start_known=True,
            )
        event = leased_call(people.api_key, version, row, now)
        record([event], now)
        tell(row, told(1, event, now, tokens=2_880, bytes=90_000_000))
        make_capacities(row, now)
        yield row


def test_it_works(visit, people, engine):
    people.users["staff"].is_superuser = True
    people.users["staff"].save()
    with visit(people.users["staff"]) as seen:
        page = seen.page
        seen.open("/operator/engines/")
        seen.screenshots("operator-engines-live")
        page.get_by_role("link", name="engine-1").focus()
        page.keyboard.press("Enter")
        page.get_by_role("link", name="Drain").focus()
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="Drain engine-1?").wait_for()
        seen.screenshots("operator-drain")
        page.get_by_label("Why").fill("more memory")
        page.keyboard.press("Enter")
        page.get_by_text("engine-1 gets no new calls.").wait_for()
        assert Engine.objects.get(pk=engine.pk).is_draining
        page.get_by_text("It is empty and may be stopped.").wait_for()
        seen.screenshots("operator-engine-drained")
        page.get_by_role("button", name="Give it calls again").click()
        page.get_by_text("engine-1 gets calls again.").wait_for()
    assert not Engine.objects.get(pk=engine.pk).is_draining
