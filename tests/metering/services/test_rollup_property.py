"""Whatever the order of writing, shipping, rolling up and repeating, the rollups end
as the fold of the events, and made again they are the same.
"""

import tempfile
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from metering.models import OpenHour, UsageEvent
from metering.services.rebuild_rollups import rebuild_rollups
from metering.services.roll_up_usage import roll_up_usage
from metering.services.ship_journal import ship_folder, ship_journal
from metering.wire import Outcome
from tests.metering.journal import HOUR_US, NOON_US, Journal, make_event
from tests.metering.rollups import folded, rolled_up

START = datetime(2026, 11, 1, tzinfo=UTC)
END = datetime(2026, 12, 1, tzinfo=UTC)
PROXIES = st.integers(0, 1)


@st.composite
def usages(draw):
    input_tokens = draw(st.integers(0, 1000))
    cost = draw(st.integers(0, 10**6))
    return {
        "tenant_id": draw(st.integers(1, 2)),
        "api_key_id": draw(st.integers(1, 2)),
        "model": draw(st.sampled_from(["small", "large"])),
        "price_version_id": draw(st.integers(1, 2)),
        "input_tokens": input_tokens,
        "cached_input_tokens": draw(st.integers(0, input_tokens)),
        "leased_input_tokens": draw(st.just(0) | st.integers(0, input_tokens)),
        "output_tokens": draw(st.integers(0, 1000)),
        "images": draw(st.integers(0, 2)),
        "cost_nanos": cost,
        "lease_cost_nanos": draw(st.just(0) | st.integers(0, cost)),
        "outcome": draw(st.sampled_from(Outcome)),
        "is_warming": draw(st.booleans()),
        # The edges of two hours, in any order: most events are late ones.
        "happened_at_us": NOON_US + draw(st.sampled_from([-1, 0, 1, HOUR_US])),
    }


ACTS = st.one_of(
    st.tuples(st.just("append"), PROXIES, usages()),
    st.tuples(st.just("repeat"), PROXIES, st.integers(0, 50)),
    st.tuples(st.just("rotate"), PROXIES, st.none()),
    st.tuples(st.just("ship"), PROXIES, st.none()),
    st.tuples(st.just("roll up"), st.just(0), st.integers(1, 3)),
    st.tuples(st.just("rebuild"), st.just(0), st.none()),
)


class World:
    """Two proxies' journals and what was written to them."""

    def __init__(self, root):
        self.root = root
        self.journals = [Journal(root / str(n), segment_bytes=4096) for n in range(2)]
        self.events = []

    def do(self, act, proxy, detail):
        journal = self.journals[proxy]
        if act == "append":
            self.events.append(journal.append(make_event(**detail)))
        elif act == "repeat" and self.events:
            journal.append(self.events[detail % len(self.events)])
        elif act == "rotate":
            journal.rotate()
        elif act == "ship":
            ship_folder(journal.folder)
        elif act == "roll up":
            roll_up_usage(hours_max=detail)
        elif act == "rebuild":
            rebuild_rollups(start=START, end=END)

    def finish(self):
        ship_journal(self.root)
        while roll_up_usage():
            pass

    def close(self):
        for journal in self.journals:
            journal.close()


class RollupTest(TestCase):
    @settings(max_examples=60, deadline=None)
    @given(acts=st.lists(ACTS, max_size=40))
    def test_rollups_are_the_fold_of_the_events(self, acts):
        with tempfile.TemporaryDirectory() as folder:
            world = World(Path(folder))
            try:
                for act in acts:
                    world.do(*act)
                world.finish()
            finally:
                world.close()
        expected = folded(world.events)
        assert rolled_up() == expected
        assert UsageEvent.objects.count() == len(world.events)
        assert not OpenHour.objects.exists()
        rebuild_rollups(start=START, end=END)
        assert rolled_up() == expected


def test_the_fold_does_not_mind_the_order():
    events = [make_event(output_tokens=n, api_key_id=n % 2) for n in range(6)]
    again = [msgspec.structs.replace(event) for event in reversed(events)]
    assert folded(events) == folded(again)
