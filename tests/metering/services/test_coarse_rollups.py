"""Hours without keys and days of keys: always what the rollups say."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from metering.coarse_models import METERS, UsageDay, UsageHour
from metering.models import UsageRollup
from metering.services.rebuild_rollups import rebuild_rollups
from metering.services.roll_up_usage import roll_up_usage
from metering.services.store_usage_events import store_usage_events
from metering.wire import Outcome
from tests.metering.journal import HOUR_US, NOON_US, make_event

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
MIDNIGHT = NOON.replace(hour=0)


def of_rollups(*dimensions):
    """{dimensions and meter: quantity} of the rollups; `day_at` is one of them."""
    found: Counter[tuple[tuple[object, ...], str]] = Counter()
    for row in UsageRollup.objects.all():
        said = {**vars(row), "day_at": row.hour_at.replace(hour=0)}
        place = tuple(said[name] for name in dimensions)
        found[place, row.meter] += row.quantity
    return +found


def of_table(model, *dimensions):
    found: Counter[tuple[tuple[object, ...], str]] = Counter()
    for row in model.objects.all():
        place = tuple(getattr(row, name) for name in dimensions)
        for meter in METERS:
            found[place, meter] += getattr(row, meter)
    return +found


def assert_they_agree():
    hour = ("tenant_id", "hour_at", "project_id", "model", "price_version_id")
    assert of_table(UsageHour, *hour) == of_rollups(*hour)
    key = ("project_id", "api_key_id", "model", "price_version_id")
    day = ("tenant_id", "day_at", *key)
    assert of_table(UsageDay, *day) == of_rollups(*day)
    assert of_table(UsageDay, "day_at")  # and that is something
    totals = UsageDay.objects.order_by("day_at").totals("tenant_id", "model")
    assert {
        ((row["tenant_id"], row["model"]), row["meter"]): row["quantity"]
        for row in totals
    } == of_rollups("tenant_id", "model")


def several():
    return [
        make_event(),
        make_event(endpoint="responses", cost_nanos=7),
        make_event(api_key_id=101, happened_at_us=NOON_US + 3 * HOUR_US),
        make_event(project_id=20, model="other", images=2),
        make_event(tenant_id=2, price_version_id=3, leased_input_tokens=30),
        make_event(happened_at_us=NOON_US - 24 * HOUR_US),
        make_event(outcome=Outcome.UNBILLED),
    ]


def test_it_works():
    store_usage_events(several())
    roll_up_usage()

    assert_they_agree()
    hours = UsageHour.objects.of_tenant(1).between(NOON, NOON + timedelta(hours=1))
    requests = dict(hours.filter(project_id=10).values_list("endpoint", "requests"))
    assert requests == {"chat.completions": 1, "responses": 1}


def test_late_events_move_them():
    store_usage_events(several())
    roll_up_usage()
    store_usage_events([make_event(), make_event(api_key_id=102)])
    roll_up_usage()

    assert_they_agree()
    assert UsageDay.objects.get(api_key_id=102).requests == 1


def test_the_same_hours_again_change_nothing():
    store_usage_events(several())
    roll_up_usage()
    before = of_table(UsageDay, "id")
    rebuild_rollups(start=MIDNIGHT - timedelta(days=2), end=NOON + timedelta(days=1))

    assert_they_agree()
    assert sorted(before.values()) == sorted(of_table(UsageDay, "id").values())


def test_days_are_made_again_from_damaged_ones():
    store_usage_events(several())
    roll_up_usage()
    UsageDay.objects.filter(tenant_id=1).update(requests=99)
    UsageDay.objects.filter(tenant_id=2).delete()
    UsageHour.objects.all().delete()

    rebuild_rollups(start=NOON - timedelta(days=1), end=NOON + timedelta(days=1))

    assert_they_agree()


def test_a_key_whose_use_is_gone_has_no_day():
    store_usage_events([make_event()])
    roll_up_usage()
    gone = {"tenant_id": 3, "hour_at": NOON, "project_id": 1, "api_key_id": 1}
    gone |= {"model": "m", "meter": "requests", "price_version_id": 1}
    UsageRollup.objects.create(**gone, quantity=4, event_count=4)
    UsageDay.objects.create(
        tenant_id=3,
        day_at=MIDNIGHT,
        project_id=1,
        api_key_id=1,
        model="m",
        price_version_id=1,
        requests=4,
    )
    rebuild_rollups(start=NOON, end=NOON + timedelta(hours=1))

    assert_they_agree()
    assert not UsageDay.objects.filter(tenant_id=3).exists()


def test_sums_are_by_day_or_hour():
    store_usage_events(several())
    roll_up_usage()
    hours = UsageHour.objects.of_tenant(1)
    by_day = {row["day_at"]: row["sum_requests"] for row in hours.summed("day_at")}
    assert by_day == {MIDNIGHT: 4, MIDNIGHT - timedelta(days=1): 1}
    days = UsageDay.objects.of_tenant(1).between(MIDNIGHT, MIDNIGHT + timedelta(days=1))
    by_key = {
        row["api_key_id"]: row["sum_requests"] for row in days.summed("api_key_id")
    }
    assert by_key == {100: 3, 101: 1}
