"""Segments into `usage_event`: each record once, nothing skipped without a word."""

import fcntl
from datetime import UTC, datetime
from uuid import UUID

import pytest

from metering.domain.journal_format import pack
from metering.models import JournalCursor, OpenHour, UsageEvent
from metering.services.ship_journal import ship_folder, ship_journal, ship_segment
from metering.wire import USAGE_EVENT_SCHEMA
from tests.metering.journal import (
    HOUR_US,
    NOON_US,
    Journal,
    encode,
    make_event,
    segments,
)

pytestmark = pytest.mark.django_db

QUARANTINE = "quarantine"
NEWER = f"schema 99, we read {USAGE_EVENT_SCHEMA}"


def stored_ids():
    return {
        event_id.hex for event_id in UsageEvent.objects.values_list("pk", flat=True)
    }


def cursor_of(journal):
    return JournalCursor.objects.get(segment=journal.segment.path.name)


def test_it_works(journal):
    event = make_event(
        streamed=True,
        received_at_us=NOON_US - 1_000_001,
        first_token_at_us=NOON_US - 500_000,
        happened_at_us=NOON_US + 123_457,
        leased_input_tokens=32,
        lease_id="a" * 32,
        lease_expires_at_us=NOON_US + 15_000_001,
        previous_lease_id="b" * 32,
        cached_prompt_id="c" * 32,
    )
    journal.append(event)

    assert ship_folder(journal.folder).events == 1

    row = UsageEvent.objects.get()
    assert row.event_id == UUID(event.event_id)
    assert row.received_at == datetime(2026, 11, 21, 11, 59, 58, 999_999, tzinfo=UTC)
    assert row.first_token_at == datetime(2026, 11, 21, 11, 59, 59, 500_000, tzinfo=UTC)
    assert row.happened_at == datetime(2026, 11, 21, 12, 0, 0, 123_457, tzinfo=UTC)
    assert row.stored_at is not None
    same = (
        *("tenant_id", "project_id", "api_key_id", "model", "engine_id", "endpoint"),
        *("price_version_id", "streamed", "outcome", "usage_source", "input_tokens"),
        *("cached_input_tokens", "cache_write_tokens", "output_tokens"),
        *("reasoning_tokens", "leased_input_tokens"),
    )
    assert {f: getattr(row, f) for f in same} == {f: getattr(event, f) for f in same}
    assert (row.lease_id, row.previous_lease_id) == (UUID("a" * 32), UUID("b" * 32))
    assert row.cached_prompt_id == UUID("c" * 32)
    assert row.lease_expires_at == datetime(2026, 11, 21, 12, 0, 15, 1, tzinfo=UTC)
    mark = OpenHour.objects.get()
    assert (mark.tenant_id, mark.generation) == (1, 1)
    assert mark.hour_at == datetime(2026, 11, 21, 12, tzinfo=UTC)
    cursor = cursor_of(journal)
    assert cursor.shipped_bytes == journal.segment.end
    assert (cursor.boot_id, cursor.sequence) == (journal.boot_id.hex(), 1)


def test_it_ships_on_where_it_stopped(journal):
    first = journal.append(make_event())
    ship_folder(journal.folder)
    second = journal.append(make_event(happened_at_us=NOON_US + HOUR_US))

    assert ship_folder(journal.folder).events == 1
    assert ship_folder(journal.folder).events == 0

    assert stored_ids() == {first.event_id, second.event_id}
    assert OpenHour.objects.count() == 2


def test_it_stores_a_repeated_event_once(journal):
    event = journal.append(make_event())
    ship_folder(journal.folder)
    journal.append(event)
    journal.append(event)

    assert ship_folder(journal.folder).events == 0
    assert UsageEvent.objects.count() == 1
    assert OpenHour.objects.get().generation == 1


def test_it_raises_the_generation_of_an_hour_with_new_events(journal):
    journal.append(make_event())
    ship_folder(journal.folder)
    journal.append(make_event())
    ship_folder(journal.folder)

    assert OpenHour.objects.get().generation == 2


def test_it_ships_more_than_one_batch_and_record_sizes_that_straddle_a_window(root):
    journal = Journal(root / "0", segment_bytes=8 * 1024 * 1024)
    for _ in range(4100):
        journal.append(make_event(model="m" * 255, endpoint="e" * 255))

    assert ship_folder(journal.folder).events == 4100
    assert cursor_of(journal).sequence == 4100
    journal.close()


def test_it_deletes_a_sealed_segment_and_its_cursor(journal):
    journal.append(make_event())
    old = journal.segment.path
    journal.rotate()
    journal.append(make_event())

    assert ship_folder(journal.folder).events == 2

    assert not old.exists()
    assert segments(journal.folder) == [journal.segment.path.name]
    assert JournalCursor.objects.get().segment == journal.segment.path.name


def test_it_goes_on_when_it_died_between_the_file_and_its_cursor(journal):
    journal.append(make_event())
    old = journal.segment.path
    ship_segment(old, is_sealed=True)
    old.unlink()  # and then the power went
    journal.rotate()
    journal.append(make_event())

    assert ship_folder(journal.folder).events == 1

    assert JournalCursor.objects.get().segment == journal.segment.path.name
    assert UsageEvent.objects.count() == 2


def test_it_stores_nothing_twice_when_a_deleted_file_comes_back(journal):
    journal.append(make_event())
    old = journal.segment.path
    content = old.read_bytes()
    journal.rotate()
    ship_folder(journal.folder)
    old.write_bytes(content)  # the power went before the deletion reached the disk

    assert ship_folder(journal.folder).events == 0
    assert UsageEvent.objects.count() == 1
    assert not old.exists()


def test_it_keeps_a_segment_that_a_proxy_still_holds(root):
    draining, started = Journal(root / "0"), Journal(root / "0")
    with draining.segment.path.open("rb") as writer:
        fcntl.flock(writer, fcntl.LOCK_EX)
        draining.append(make_event())
        ship_folder(root / "0")
        assert draining.segment.path.exists()
        draining.append(make_event())
    assert ship_folder(root / "0").events == 1
    assert not draining.segment.path.exists()
    draining.close()
    started.close()


def test_it_waits_for_the_rest_of_a_record_in_a_live_segment(journal):
    journal.append(make_event())
    event = make_event()
    whole = pack(encode(event), boot_id=journal.boot_id, sequence=2)
    journal.append_raw(whole[:50])

    assert ship_folder(journal.folder).events == 1
    assert cursor_of(journal).sequence == 1

    journal.append_raw(whole[50:])
    assert ship_folder(journal.folder).events == 1
    assert event.event_id in stored_ids()


def test_it_sets_a_sealed_segment_with_a_torn_end_aside(journal, caplog):
    journal.append(make_event())
    torn = journal.segment.path
    journal.append_raw(pack(b"x" * 90, boot_id=journal.boot_id, sequence=2)[:-1])
    journal.rotate()

    assert ship_folder(journal.folder).events == 1

    assert segments(journal.folder) == [journal.segment.path.name]
    assert (journal.folder.parent / QUARANTINE / "0" / torn.name).exists()
    assert "no whole record at byte" in caplog.text
    assert ship_folder(journal.folder).events == 0


def test_it_reports_missing_records(journal, caplog):
    journal.append(make_event())
    journal.sequence += 2
    journal.append(make_event())

    assert ship_folder(journal.folder).events == 2
    assert "record 4 of boot id" in caplog.text
    assert "2 was expected" in caplog.text


def test_it_reports_a_segment_missing_in_between(journal, caplog):
    journal.append(make_event())
    journal.rotate()
    ship_folder(journal.folder)
    assert "was expected" not in caplog.text
    journal.append(make_event())
    lost = journal.segment.path
    journal.rotate()
    lost.unlink()
    journal.append(make_event())

    assert ship_folder(journal.folder).events == 1
    assert "record 3 of boot id" in caplog.text


def test_it_counts_on_across_segments_and_restarts(journal, caplog):
    for _ in range(3):
        journal.append(make_event())
        journal.rotate()
        ship_folder(journal.folder)
    restarted = Journal(journal.folder)
    restarted.append(make_event())
    ship_folder(journal.folder)
    restarted.close()

    assert UsageEvent.objects.count() == 4
    assert not caplog.records


POISON = [
    (b"not JSON", "JSON is malformed"),
    (b"\xff\xfe", "malformed"),
    (encode(make_event())[:-1], "truncated"),
    (encode(make_event(event_id="short")), "event_id"),
    (encode(make_event(event_id="g" * 32)), "event_id"),
    (encode(make_event(input_tokens=-1)), "quantity is out of range"),
    (encode(make_event(input_tokens=2**31)), "quantity is out of range"),
    (encode(make_event(cached_input_tokens=101)), "more cached input tokens"),
    (encode(make_event(reasoning_tokens=8)), "more reasoning tokens"),
    (encode(make_event(tenant_id=2**63)), "id is out of range"),
    (encode(make_event(model="a\0b")), "NUL"),
    (encode(make_event(model="m" * 256)), "too long"),
    (encode(make_event(happened_at_us=0)), "time is out of range"),
    (encode(make_event(happened_at_us=2**62)), "time is out of range"),
    (encode(make_event()).replace(b'"completed"', b'"mended"'), "enum"),
]


@pytest.mark.parametrize(("payload", "reason"), POISON)
def test_it_sets_a_poisoned_record_aside(journal, caplog, payload, reason):
    before = journal.append(make_event())
    journal.append_payload(payload)
    after = journal.append(make_event())

    assert ship_folder(journal.folder).events == 2

    assert stored_ids() == {before.event_id, after.event_id}
    copy = journal.folder.parent / QUARANTINE / "0"
    copy /= f"{journal.segment.path.stem}-2.journal"
    assert copy.read_bytes() == pack(payload, boot_id=journal.boot_id, sequence=2)
    (message,) = caplog.messages
    assert "NOT billed" in message
    assert reason in message


def test_it_ships_a_record_put_back_from_quarantine(journal):
    event = make_event()
    folder = journal.folder.parent / QUARANTINE / "0"
    folder.mkdir(parents=True)
    copy = folder / f"{journal.segment.path.stem}-1.journal"
    copy.write_bytes(pack(encode(event), boot_id=journal.boot_id, sequence=1))
    assert ship_journal(journal.folder.parent).events == 0

    back = copy.rename(journal.folder / copy.name)

    assert ship_folder(journal.folder).events == 1
    assert not back.exists()


def test_it_waits_for_a_newer_shipper_and_ships_the_other_segments(journal):
    journal.append(make_event())
    newer = encode(make_event(schema=99))
    journal.append_payload(newer)
    journal.append(make_event())
    blocked = journal.segment.path
    journal.rotate()
    behind = journal.append(make_event())

    shipment = ship_folder(journal.folder)

    assert shipment.events == 2
    assert shipment.blocked == {str(blocked): NEWER}
    assert behind.event_id in stored_ids()
    assert JournalCursor.objects.get(segment=blocked.name).sequence == 1
    assert blocked.exists()


def test_it_waits_for_a_newer_shipper_when_the_fields_changed_too(journal):
    journal.append_payload(b'[99, {"event": "of another form"}]')

    assert list(ship_folder(journal.folder).blocked.values()) == [NEWER]


def test_it_ships_the_other_segments_when_one_cannot_be_read(journal):
    unreadable = journal.folder / f"{0:020}-{journal.boot_id.hex()}.journal"
    unreadable.mkdir()
    journal.append(make_event())

    shipment = ship_folder(journal.folder)

    assert shipment.events == 1
    assert "IsADirectoryError" in shipment.blocked[str(unreadable)]


def test_it_leaves_files_that_are_no_segments_alone(journal):
    stranger = journal.folder / "00000000000000000000.txt"
    stranger.write_text("mine")
    journal.append(make_event())

    assert ship_folder(journal.folder).events == 1
    assert stranger.read_text() == "mine"


def test_it_ships_all_folders(root):
    proxies = [Journal(root / str(index)) for index in range(3)]
    for journal in proxies:
        journal.append(make_event())

    assert ship_journal(root).events == 3
    for journal in proxies:
        journal.close()


def test_it_does_nothing_before_the_first_proxy_started(root):
    assert ship_journal(root / "nowhere").events == 0


def test_it_stops_between_two_transactions(journal):
    for _ in range(3):
        journal.append(make_event())
        journal.rotate()
    answers = iter([False, False, False, True, True, True, True])

    assert ship_folder(journal.folder, is_stopping=lambda: next(answers)).events == 1
