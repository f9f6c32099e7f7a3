"""What the tables refuse, and what their query sets answer."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from metering.domain.usage import Meter, objection
from metering.models import JournalCursor, OpenHour, UsageEvent, UsageRollup
from metering.services.prepare_usage_partitions import prepare_usage_partitions
from metering.services.store_usage_events import store_usage_events
from metering.wire import Outcome, UsageSource
from tests.metering.journal import HOUR_US, NOON_US, make_event

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
EXTREME_IDS = st.sampled_from([0, 1, 2**63 - 1])
EXTREME_QUANTITIES = st.sampled_from([0, 1, 2**31 - 1])
TIMES = st.integers(1_577_836_800_000_000, 4_102_444_799_999_999)
NAMES = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=255
)


@pytest.mark.parametrize("has_month", [True, False])
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE usage_event SET output_tokens = 0",
        "DELETE FROM usage_event",
        "UPDATE {partition} SET output_tokens = 0",
        "DELETE FROM {partition}",
        "TRUNCATE usage_event",
        "TRUNCATE {partition}",
        "UPDATE usage_event SET happened_at = happened_at + interval '2 months'",
    ],
)
def test_usage_events_are_append_only(statement, has_month):
    if has_month:
        prepare_usage_partitions(datetime(2031, 11, 1, tzinfo=UTC))
    store_usage_events([make_event(happened_at_us=1_951_300_800_000_000)])
    partition = "usage_event_2031_11" if has_month else "usage_event_default"

    with (
        pytest.raises(IntegrityError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement.format(partition=partition))
    assert UsageEvent.objects.get().output_tokens == 7


@pytest.mark.parametrize(
    ("changes", "constraint"),
    [
        (
            {
                "input_tokens": -1,
                "cached_input_tokens": -2,
                "leased_input_tokens": -1,
            },
            "quantities_not_negative",
        ),
        ({"cached_input_tokens": -1}, "quantities_not_negative"),
        ({"cache_write_tokens": -1}, "quantities_not_negative"),
        ({"output_tokens": -1}, "quantities_not_negative"),
        ({"reasoning_tokens": -1}, "quantities_not_negative"),
        ({"cached_input_tokens": 101}, "cached_within_input"),
        ({"leased_input_tokens": 101}, "leased_within_input"),
        ({"leased_input_tokens": -1}, "quantities_not_negative"),
        ({"reasoning_tokens": 8}, "reasoning_within_output"),
        ({"images": -1}, "quantities_not_negative"),
        ({"cost_nanos": -1}, "quantities_not_negative"),
        ({"samples": 0}, "samples_and_tries_positive"),
        ({"tries": 0}, "samples_and_tries_positive"),
    ],
)
def test_it_refuses_impossible_quantities(changes, constraint):
    store_usage_events([make_event()])
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        store_usage_events([make_event(**changes)])


class AcceptedEventTest(TestCase):
    @given(
        changes=st.fixed_dictionaries(
            {
                "tenant_id": EXTREME_IDS,
                "price_version_id": EXTREME_IDS,
                "model": NAMES,
                "endpoint": NAMES,
                "outcome": st.sampled_from(Outcome),
                "usage_source": st.sampled_from(UsageSource),
                "input_tokens": EXTREME_QUANTITIES,
                "cached_input_tokens": EXTREME_QUANTITIES,
                "cache_write_tokens": EXTREME_QUANTITIES,
                "output_tokens": EXTREME_QUANTITIES,
                "reasoning_tokens": EXTREME_QUANTITIES,
                "received_at_us": TIMES,
                "first_token_at_us": st.none() | TIMES,
                "happened_at_us": TIMES,
                "images": EXTREME_QUANTITIES,
                "samples": EXTREME_QUANTITIES,
                "tries": EXTREME_QUANTITIES,
                "sent_at_us": st.none() | TIMES,
                "cost_nanos": st.sampled_from([0, 1, 9 * 10**15]),
                "leased_input_tokens": EXTREME_QUANTITIES,
                "lease_id": st.sampled_from(["", "0" * 32, "f" * 32]),
                "lease_expires_at_us": st.just(0) | TIMES,
                "previous_lease_id": st.sampled_from(["", "0" * 32, "f" * 32]),
                "cached_prompt_id": st.sampled_from(["", "0" * 32, "f" * 32]),
            }
        )
    )
    def test_the_table_takes_whatever_the_rules_let_through(self, changes):
        event = make_event(**changes)
        if objection(event):
            return
        assert store_usage_events([event]) == 1
        row = UsageEvent.objects.get(pk=event.event_id)
        passed = row.happened_at - datetime(1970, 1, 1, tzinfo=UTC)
        assert passed // timedelta(microseconds=1) == event.happened_at_us
        assert (row.model, row.endpoint) == (event.model, event.endpoint)
        assert (row.images, row.samples) == (event.images, event.samples)
        assert (row.tries, row.cost_nanos) == (event.tries, event.cost_nanos)
        assert (row.lease_id.hex if row.lease_id else "") == event.lease_id
        assert (row.lease_expires_at is None) == (event.lease_expires_at_us == 0)
        assert (row.sent_at is None) == (event.sent_at_us is None)


def test_it_refuses_an_hour_marked_twice():
    OpenHour.objects.create(tenant_id=1, hour_at=NOON)
    with pytest.raises(IntegrityError, match="open_hour_once"), transaction.atomic():
        OpenHour.objects.create(tenant_id=1, hour_at=NOON)


def test_it_refuses_a_segment_with_two_cursors():
    JournalCursor.objects.create(folder="0", segment="a")
    JournalCursor.objects.create(folder="1", segment="a")
    with pytest.raises(IntegrityError, match="once_per_segment"), transaction.atomic():
        JournalCursor.objects.create(folder="0", segment="a")


def make_rollup(**changes):
    fields = {
        "tenant_id": 1,
        "project_id": 10,
        "api_key_id": 100,
        "model": "small",
        "meter": Meter.OUTPUT_TOKENS,
        "price_version_id": 1,
        "hour_at": NOON,
        "quantity": 5,
        "event_count": 1,
    }
    return UsageRollup.objects.create(**fields | changes)


@pytest.mark.parametrize(
    ("changes", "constraint"),
    [
        ({}, "usage_rollup_once"),
        ({"api_key_id": 2, "quantity": -1}, "quantity_not_negative"),
        ({"api_key_id": 2, "event_count": 0}, "has_events"),
        ({"api_key_id": 2, "meter": "thoughts"}, "meter_known"),
    ],
)
def test_it_refuses_a_rollup(changes, constraint):
    make_rollup()
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        make_rollup(**changes)


def test_totals_fold_a_tenants_rollups_by_dimension():
    midnight = NOON.replace(hour=0)
    make_rollup(quantity=5)
    make_rollup(quantity=7, api_key_id=101)
    make_rollup(quantity=11, hour_at=midnight - timedelta(hours=1))
    make_rollup(quantity=2**62, model="large", hour_at=midnight)
    make_rollup(quantity=3, meter=Meter.REQUESTS)
    make_rollup(quantity=1000, tenant_id=2)
    make_rollup(quantity=1000, hour_at=NOON + timedelta(hours=1))
    mine = UsageRollup.objects.of_tenant(1).between(
        midnight - timedelta(hours=1), NOON + timedelta(hours=1)
    )

    assert list(mine.totals("model")) == [
        {"model": "large", "meter": "output_tokens", "quantity": 2**62},
        {"model": "small", "meter": "output_tokens", "quantity": 23},
        {"model": "small", "meter": "requests", "quantity": 3},
    ]
    per_day = mine.filter(model="small", meter=Meter.OUTPUT_TOKENS).totals("day_at")
    assert [(row["day_at"], row["quantity"]) for row in per_day] == [
        (midnight - timedelta(days=1), 11),
        (midnight, 12),
    ]
    assert all(type(row["quantity"]) is int for row in mine.totals())


def test_newest_gives_a_tenants_latest_events():
    events = [make_event(happened_at_us=NOON_US + n * HOUR_US) for n in range(4)]
    store_usage_events([*events, make_event(tenant_id=2)])

    found = UsageEvent.objects.of_tenant(1).newest(2)
    assert [row.pk.hex for row in found] == [events[3].event_id, events[2].event_id]
    hour = UsageEvent.objects.of_tenant(1).between(NOON, NOON + timedelta(hours=1))
    assert [row.pk.hex for row in hour] == [events[0].event_id]
