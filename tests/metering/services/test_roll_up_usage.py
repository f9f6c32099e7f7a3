"""Open hours into rollups."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from metering.domain import rollup
from metering.models import OpenHour, UsageEvent, UsageRollup
from metering.services.rebuild_rollups import rebuild_rollups
from metering.services.roll_up_usage import roll_up_usage
from metering.services.store_usage_events import store_usage_events
from metering.wire import Outcome
from tests.factories import make_api_key
from tests.metering.journal import HOUR_US, NOON_US, make_event

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def quantities(**of):
    rows = UsageRollup.objects.filter(**of)
    return {row.meter: (row.quantity, row.event_count) for row in rows}


def test_it_works():
    store_usage_events([make_event(), make_event(cached_input_tokens=0)])

    assert roll_up_usage() == 1

    assert quantities(tenant_id=1, hour_at=NOON) == {
        "new_input_tokens": (160, 2),
        "cached_input_tokens": (40, 2),
        "output_tokens": (14, 2),
        "requests": (2, 2),
    }
    row = UsageRollup.objects.first()
    assert row is not None
    assert (row.project_id, row.api_key_id, row.price_version_id) == (10, 100, 1)
    assert row.model == "smollm2-135m-instruct"
    assert not OpenHour.objects.exists()
    assert roll_up_usage() == 0


def test_it_keeps_dimensions_apart():
    changes = {
        "tenant_id": 2,
        "project_id": 20,
        "api_key_id": 200,
        "model": "other",
        "price_version_id": 2,
    }
    events = [make_event(**{name: value}) for name, value in changes.items()]
    store_usage_events([make_event(), *events])

    assert roll_up_usage() == 2
    assert UsageRollup.objects.filter(meter="requests", quantity=1).count() == 6


def test_an_hour_begins_on_the_hour():
    store_usage_events(
        [
            make_event(happened_at_us=NOON_US - 1),
            make_event(happened_at_us=NOON_US + HOUR_US - 1),
        ]
    )

    assert roll_up_usage() == 2
    assert quantities(hour_at=NOON - HOUR)["requests"] == (1, 1)
    assert quantities(hour_at=NOON)["requests"] == (1, 1)


def test_it_leaves_out_a_meter_that_shows_nothing():
    store_usage_events([make_event(cached_input_tokens=0, output_tokens=0)])
    roll_up_usage()

    assert quantities() == {"new_input_tokens": (100, 1), "requests": (1, 1)}


def test_images_have_a_meter():
    store_usage_events([make_event(images=2), make_event(images=3)])
    roll_up_usage()

    assert quantities()["images"] == (5, 2)


def test_an_unbilled_event_is_stored_and_shows_on_no_meter():
    store_usage_events([make_event(outcome=Outcome.UNBILLED), make_event(tenant_id=2)])

    assert roll_up_usage() == 2
    assert UsageEvent.objects.count() == 2
    assert not quantities(tenant_id=1)
    assert quantities(tenant_id=2)["requests"] == (1, 1)
    assert rollup.UNBILLED == Outcome.UNBILLED


def test_a_warming_call_is_no_request_and_its_output_is_nobodys():
    store_usage_events([make_event(is_warming=True), make_event(tenant_id=2)])
    warming = make_event(tenant_id=2, is_warming=True, leased_input_tokens=100)
    store_usage_events([warming])
    roll_up_usage()

    assert quantities(tenant_id=1) == {
        "new_input_tokens": (60, 1),
        "cached_input_tokens": (40, 1),
    }
    assert quantities(tenant_id=2) == {
        "new_input_tokens": (60, 2),
        "cached_input_tokens": (40, 2),
        "leased_input_tokens": (100, 2),
        "output_tokens": (7, 2),
        "requests": (1, 2),
    }
    stored = UsageEvent.objects.get(event_id=warming.event_id)
    assert (stored.is_warming, stored.output_tokens) == (True, 7)


def test_it_adds_up_what_the_money_limits_were_charged():
    """All but what leases cost: they are charged by the time that they were held."""
    lease = {"cost_nanos": 900, "lease_cost_nanos": 700}
    store_usage_events([make_event(cost_nanos=55), make_event(**lease)])
    free = make_event(outcome=Outcome.UNBILLED, cost_nanos=3)
    store_usage_events([free, make_event(tenant_id=2)])
    roll_up_usage()

    assert quantities(tenant_id=1)["charged_nanos"] == (255, 2)
    assert "charged_nanos" not in quantities(tenant_id=2)


def test_a_late_event_opens_its_hour_again():
    store_usage_events([make_event()])
    roll_up_usage()
    store_usage_events([make_event(output_tokens=1)])

    assert roll_up_usage() == 1
    assert quantities()["output_tokens"] == (8, 2)


def test_it_takes_a_bounded_number_of_hours():
    store_usage_events(
        [make_event(happened_at_us=NOON_US + n * HOUR_US) for n in range(3)]
    )

    assert roll_up_usage(hours_max=2) == 2
    assert OpenHour.objects.count() == 1
    assert roll_up_usage() == 1


def test_the_bound_holds_whatever_plan_the_database_makes():
    """A plan that runs a subquery with LIMIT and SKIP LOCKED once per row takes all."""
    store_usage_events(
        [make_event(happened_at_us=NOON_US + n * HOUR_US) for n in range(3)]
    )
    with connection.cursor() as cursor:
        for way in ("hashjoin", "mergejoin", "hashagg", "sort", "material"):
            cursor.execute(f"SET LOCAL enable_{way} = off")

    assert roll_up_usage(hours_max=2) == 2


def test_it_notes_when_a_key_was_last_used():
    api_key, _ = make_api_key()
    store_usage_events(
        [
            make_event(api_key_id=api_key.id, happened_at_us=NOON_US + n)
            for n in (0, HOUR_US, 17)
        ]
    )
    roll_up_usage()

    api_key.refresh_from_db()
    assert api_key.last_used_at == NOON + HOUR


def test_rebuilding_equals():
    store_usage_events([make_event(), make_event(tenant_id=2)])
    roll_up_usage()
    before = {tenant: quantities(tenant_id=tenant) for tenant in (1, 2)}
    UsageRollup.objects.filter(tenant_id=1, meter="requests").delete()
    UsageRollup.objects.filter(tenant_id=1).update(quantity=99)

    hours = rebuild_rollups(start=NOON, end=NOON + HOUR, tenant_id=1)

    assert hours == 1
    assert {tenant: quantities(tenant_id=tenant) for tenant in (1, 2)} == before


def test_rebuilding_removes_what_no_event_supports():
    store_usage_events([make_event()])
    roll_up_usage()
    UsageRollup.objects.update(hour_at=NOON + HOUR)

    assert rebuild_rollups(start=NOON, end=NOON + 2 * HOUR) == 2
    assert quantities(hour_at=NOON)["requests"] == (1, 1)
    assert not quantities(hour_at=NOON + HOUR)


def test_rebuilding_leaves_hours_outside_its_span_alone():
    store_usage_events([make_event()])
    roll_up_usage()
    UsageRollup.objects.update(quantity=99)

    assert rebuild_rollups(start=NOON + HOUR, end=NOON + 2 * HOUR) == 0
    # A span that begins within the hour does not hold all of it.
    assert rebuild_rollups(start=NOON + timedelta(minutes=1), end=NOON + HOUR) == 0
    assert quantities()["requests"] == (99, 1)
