"""What went wrong elsewhere in the arithmetic of cached input."""

import pytest
from django.db import IntegrityError, transaction
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from billing.models.invoices import LineItem
from billing.models.rating import RatedCharge
from metering.domain.usage import Meter, objection
from metering.models import UsageEvent, UsageRollup
from metering.services.roll_up_usage import roll_up_usage
from metering.services.ship_journal import ship_journal
from metering.services.store_usage_events import store_usage_events
from metering.wire import Outcome
from tests.metering.journal import make_event

COUNTS = st.integers(0, 40) | st.integers(0, 40) | st.integers(-20_000, 20_000)
INPUT_METERS = (
    Meter.NEW_INPUT_TOKENS,
    Meter.CACHED_INPUT_TOKENS,
    Meter.LEASED_INPUT_TOKENS,
)


@st.composite
def events(draw):
    """Whatever an engine could say, most of it nonsense."""
    return make_event(
        input_tokens=draw(COUNTS),
        cached_input_tokens=draw(COUNTS),
        leased_input_tokens=draw(st.just(0) | COUNTS),
        cache_write_tokens=draw(COUNTS),
        output_tokens=draw(COUNTS),
        reasoning_tokens=draw(COUNTS),
        images=draw(st.integers(0, 2)),
        cost_nanos=draw(COUNTS),
        outcome=draw(st.sampled_from(Outcome)),
    )


class QuantitiesTest(TestCase):
    @settings(deadline=None)  # a database is asked
    @given(st.lists(events(), max_size=6))
    def test_cached_input_is_counted_once_and_nothing_is_negative(self, found):
        """Cached tokens were charged as new ones too, $0.0913 for $0.0544
        (litellm#9812, litellm#14849), and where they were more than the input, the
        charge was below zero (new-api#5003, new-api#5005). Here the new and the cached
        input are the input, whatever is said, and what cannot be is not stored.
        """
        possible = [event for event in found if objection(event) is None]
        store_usage_events(possible)
        roll_up_usage()
        sums = dict.fromkeys(Meter, 0)
        for row in UsageRollup.objects.all():
            assert row.quantity > 0
            sums[Meter(row.meter)] += row.quantity
        metered = [e for e in possible if e.outcome is not Outcome.UNBILLED]
        whole = sum(event.input_tokens for event in metered)
        assert sum(sums[meter] for meter in INPUT_METERS) == whole
        assert sums[Meter.REQUESTS] == len(metered)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "changes",
    [
        {"input_tokens": 16_638, "cached_input_tokens": 33_276},
        {"output_tokens": -1},
        {"images": -1},
        {"cost_nanos": -1},
        {"samples": 0},
    ],
)
def test_a_negative_charge_is_set_aside_before_the_table_and_refused_by_it(
    root, journal, changes
):
    """An event of less than nothing becomes no row by any way (new-api#5003)."""
    event = journal.append(make_event(**changes))
    ship_journal(root)
    assert not UsageEvent.objects.exists()
    with pytest.raises(IntegrityError), transaction.atomic():
        store_usage_events([event])


@pytest.mark.parametrize("model", [UsageRollup, RatedCharge, LineItem])
@pytest.mark.django_db
def test_every_table_on_the_way_to_an_invoice_refuses_less_than_nothing(model):
    """From the event to the line item (new-api#5003, new-api#5005)."""
    names = {
        constraint.name
        for constraint in model._meta.constraints
        if "quantity__gt" in str(getattr(constraint, "condition", ""))
    }
    assert names
