"""An operator says what an engine costs, and reads what it earns."""

from datetime import UTC, datetime, timedelta

import pytest
from msgspec import structs

from inference.cost_models import EngineCost
from inference.services.set_engine_cost import set_engine_cost
from metering.engine_usage_models import EngineLoadHour
from metering.services.fold_engine_usage import fold_engine_usage
from tests.factories import make_engine
from tests.frontend.believable import a_month_of_calls, priced_second_model, record

pytestmark = pytest.mark.browser
NANOS_PER_HOUR = 900_000


@pytest.fixture
def engines(people, version):
    """A month of calls, spread over three engines of two models."""
    now = datetime.now(UTC)
    second = priced_second_model()
    rows = [
        make_engine(served_model=version.served_model, name="engine-1"),
        make_engine(served_model=version.served_model, name="engine-2"),
        make_engine(served_model=second.served_model, name="engine-3"),
    ]
    calls = a_month_of_calls([people.api_key], [version, second], now)
    for number, call in enumerate(calls):
        at = 2 if call.model == "qwen3-32b" else number % 2
        calls[number] = structs.replace(call, engine_id=rows[at].pk)
    record(calls, now)
    fold_engine_usage(now=now, hours_max=1_000)
    for row in rows[:2]:
        set_engine_cost(
            row,
            starts_at=now - timedelta(days=40),
            gpus=1,
            nanos_per_gpu_hour=NANOS_PER_HOUR,
            currency="USD",
            now=now,
        )
    hour = now.replace(minute=0, second=0, microsecond=0)
    EngineLoadHour.objects.all().delete()
    EngineLoadHour.objects.bulk_create(
        EngineLoadHour(
            hour_at=hour - timedelta(hours=number),
            engine_id=row.pk,
            busy_seconds=number * 131 % 3_600,
        )
        for number in range(24 * 20)
        for row in rows
    )
    return rows


def test_it_works(visit, people, engines):
    people.users["staff"].is_superuser = True
    people.users["staff"].save()
    with visit(people.users["staff"]) as seen:
        page = seen.page
        seen.open("/operator/margin/")
        page.locator("#chart canvas").wait_for()
        seen.screenshots("operator-margin-full")
        page.get_by_role("link", name="engine-3").click()
        page.get_by_role("heading", name="What engine-3 costs").wait_for()
        page.get_by_label("GPUs").fill("2")
        page.get_by_label("One GPU costs an hour").fill("0.0012")
        page.get_by_label("From (UTC)").fill("2026-01-01 00:00")
        page.keyboard.press("Enter")
        page.get_by_text("Set. The margin is worked out by it.").wait_for()
        seen.screenshots("operator-engine-cost")
        page.get_by_role("link", name="Revenue and margin").last.click()
        page.get_by_role("heading", name="Revenue and margin").wait_for()
        seen.screenshots("operator-margin-by-engine")
        assert page.get_by_text("Nobody said what these engines cost").count() == 0
    assert EngineCost.objects.get(engine=engines[2]).nanos_per_gpu_hour == 1_200_000
