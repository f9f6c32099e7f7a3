"""What the journals say of how far PostgreSQL is."""

import fcntl
import tempfile
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from metering.domain.segments import is_draft, is_segment, made_at_us
from metering.models import JournalCursor, UsageEvent
from metering.services.quarantine import FOLDER_NAME
from metering.services.ship_journal import ship_journal
from metering.services.shipped_up_to import WRITE_MARGIN, shipped_up_to
from metering.wire import USAGE_EVENT_SCHEMA
from tests.metering.journal import Journal, make_event

pytestmark = pytest.mark.django_db

# Long ago, for whatever clock the tests run by.
THEN = datetime(2024, 3, 1, 12, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SECOND = 1_000_000


def us_after(seconds=0):
    """Microseconds since the epoch, `seconds` after THEN."""
    return (THEN - EPOCH) // timedelta(microseconds=1) + seconds * SECOND


def event_after(seconds=0, **changes):
    return make_event(happened_at_us=us_after(seconds), **changes)


@contextmanager
def written_to(path):
    """As a living proxy has it open."""
    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def is_now(at):
    return timezone.now() - at < WRITE_MARGIN + timedelta(seconds=5)


def test_it_works(root, journal):
    journal.append(event_after())
    journal.append(event_after(9))
    assert shipped_up_to(root) == THEN - WRITE_MARGIN

    before = timezone.now()
    ship_journal(root)
    found = shipped_up_to(root)
    assert found is not None
    assert before - WRITE_MARGIN <= found <= timezone.now() - WRITE_MARGIN


def test_it_is_unknown_without_a_journal(tmp_path):
    assert shipped_up_to(tmp_path / "none") is None


def test_a_journal_of_no_proxies_holds_nothing_back(root):
    assert is_now(shipped_up_to(root))


def test_the_proxy_that_is_furthest_behind_decides(root, journal):
    journal.append(event_after())
    ship_journal(root)
    journal.append(event_after(60))
    other = Journal(root / "1")
    other.append(event_after(30))

    other.close()

    assert shipped_up_to(root) == THEN + timedelta(seconds=30) - WRITE_MARGIN


def test_a_dead_proxys_last_segment_holds_back_until_it_is_shipped(root):
    dead = Journal(root / "7")
    dead.append(event_after())
    dead.rotate()
    dead.close()
    assert shipped_up_to(root) == THEN - WRITE_MARGIN
    ship_journal(root)
    assert is_now(shipped_up_to(root))


def test_a_record_torn_by_a_crash_holds_nothing_back(root, journal):
    journal.append(event_after())
    journal.append_raw(b"\x50\0\0\0 torn")
    ship_journal(root)
    assert is_now(shipped_up_to(root))


def test_a_record_being_written_holds_back(root, journal):
    ship_journal(root)
    journal.append_raw(b"\x50\0\0\0 not whole yet")
    path = journal.segment.path
    # The tests' segments are named by small numbers, not by the clock.
    begin = EPOCH + timedelta(microseconds=made_at_us(path.name))
    with written_to(path):
        assert shipped_up_to(root) == begin - WRITE_MARGIN


def test_a_record_of_a_newer_proxy_holds_back(root, journal):
    ship_journal(root)
    journal.append(event_after(schema=USAGE_EVENT_SCHEMA + 1))
    found = shipped_up_to(root)
    assert found is not None
    assert found < THEN


def test_a_record_in_quarantine_does_not_hold_back(root, journal):
    journal.append(event_after(output_tokens=-1))
    ship_journal(root)
    assert (root / FOLDER_NAME).is_dir()
    assert is_now(shipped_up_to(root))


def test_a_proxy_that_opens_its_next_segment_holds_back(root, journal):
    ship_journal(root)
    name = f"{us_after():020}-{'0' * 16}.journal.draft"
    assert is_draft(name)
    assert not is_segment(name)
    draft = journal.folder / name
    draft.touch()
    with written_to(draft):
        assert shipped_up_to(root) == THEN - WRITE_MARGIN
    # Nobody writes to it any more: a crash left it, and it is empty.
    assert is_now(shipped_up_to(root))


def test_a_segment_deleted_meanwhile_holds_nothing_back(root, journal):
    journal.append(event_after())
    ship_journal(root)
    journal.rotate()
    ship_journal(root)
    ship_journal(root)
    assert JournalCursor.objects.count() == 1
    assert is_now(shipped_up_to(root))


class NothingIsMissingTest(TestCase):
    @settings(deadline=None)  # a database is asked
    @given(st.lists(st.integers(0, 5), min_size=1, max_size=12), st.integers(0, 12))
    def test_no_event_before_it_is_missing(self, gaps, cut):
        """Events of one proxy in order, the first `cut` of them shipped."""
        with tempfile.TemporaryDirectory() as name:
            root, seconds, events = Path(name), 0, []
            journal = Journal(root / "0")
            for number, gap in enumerate(gaps):
                if number == cut:
                    ship_journal(root)
                seconds += gap
                events.append(journal.append(event_after(seconds)))
            found = shipped_up_to(root)
            journal.close()
        assert found is not None
        ids = UsageEvent.objects.values_list("event_id", flat=True)
        stored = {event_id.hex for event_id in ids}
        missing = [e.happened_at_us for e in events if e.event_id not in stored]
        assert (found - EPOCH) // timedelta(microseconds=1) <= min(
            missing, default=2**63
        )
