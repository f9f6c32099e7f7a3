"""`manage.py journal`: what is there, whether all of it is stored, and once more."""

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from metering.domain.journal_format import pack
from metering.models import UsageEvent
from metering.services.inspect_journal import inspect_journal
from metering.services.quarantine import FOLDER_NAME
from metering.services.ship_journal import ship_journal
from metering.services.verify_journal import verify_journal
from metering.wire import USAGE_EVENT_SCHEMA
from tests.metering.audit import us
from tests.metering.journal import NOON_US, encode, make_event

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _journal_folder(root, settings):
    settings.JOURNAL_FOLDER = root


def journal_command(*arguments):
    out = StringIO()
    call_command("journal", *arguments, stdout=out)
    return out.getvalue()


def old_event(**changes):
    """Of an hour ago: the shipper would have come long since."""
    at_us = us(timezone.now() - timedelta(hours=1))
    return make_event(**{"happened_at_us": at_us, **changes})


def quarantined(root):
    return sorted((root / FOLDER_NAME).glob("*/*.journal"))


def test_inspect_lists_segments(root, journal):
    journal.append(make_event())
    journal.append(make_event(happened_at_us=NOON_US + 1_500_000))
    ship_journal(root)
    journal.append(make_event())
    text = journal_command("inspect")

    assert f"0/{journal.segment.path.name}" in text
    assert "3 records, 3 events" in text
    assert "2026-11-21 12:00:00.000000 to 2026-11-21 12:00:01.500000" in text
    assert "record 2" in text


def test_inspect_shows_the_events_of_one_segment(journal):
    event = journal.append(make_event(images=2))
    journal.append_payload(b'{"no": "event"}')
    text = journal_command("inspect", str(journal.segment.path))

    assert f"req_{event.event_id}" in text
    assert "100 in (40 cached)  7 out  2 images" in text
    assert "POISONED record 2" in text
    assert '{"no": "event"}' in text


def test_inspect_names_torn_tails_gaps_newer_records_and_writers(root, journal):
    journal.append(make_event())
    journal.sequence += 2
    journal.append(make_event())
    journal.append_raw(b"\x50\0\0\0 torn")
    journal.rotate()
    journal.append(make_event())
    [first, second] = inspect_journal(root)

    assert (first.is_torn, second.is_torn) == (True, False)
    assert [(gap.expected, gap.found) for gap in first.gaps] == [(2, 4)]
    assert second.gaps == []  # it goes on where the first stopped
    text = journal_command("inspect")
    assert "TORN at byte" in text
    assert "GAP: record 4 after 1" in text
    journal.append(make_event(schema=USAGE_EVENT_SCHEMA + 1))
    assert "NEWER: schema" in journal_command("inspect")


def test_a_segment_whose_predecessor_is_gone_has_no_gap(root, journal):
    journal.sequence = 41
    journal.append(make_event())
    assert inspect_journal(root)[0].gaps == []


def test_verify_finds_all_stored(root, journal):
    for _ in range(3):
        journal.append(old_event())
    ship_journal(root)
    assert "1 segments, 3 records stored, 0 waiting" in journal_command("verify")


def test_verify_lists_what_is_not_stored(journal):
    event = journal.append(old_event())
    with pytest.raises(CommandError, match=f"event {event.event_id} is not stored"):
        journal_command("verify")


def test_verify_tells_events_that_share_an_id_by_their_time(root, journal):
    """A failed try and the call itself have one request id."""
    event = journal.append(old_event())
    ship_journal(root)
    journal.append(
        old_event(event_id=event.event_id, happened_at_us=event.happened_at_us - 5)
    )
    with pytest.raises(CommandError, match="1 faults"):
        journal_command("verify")


def test_verify_waits_for_the_shipper(root, journal):
    journal.append(make_event(happened_at_us=us(timezone.now())))
    found = verify_journal(root, now=timezone.now())
    assert (found.waiting, found.faults) == (1, [])


@pytest.mark.parametrize("fault", ["gap", "torn", "newer", "poisoned", "bit"])
def test_verify_finds_a_damaged_journal(root, journal, fault):
    journal.append(old_event())
    if fault == "gap":
        journal.sequence += 1
        journal.append(old_event())
    elif fault == "torn":
        journal.append_raw(b"\x50\0\0\0 torn")
    elif fault == "newer":
        journal.append(old_event(schema=USAGE_EVENT_SCHEMA + 1))
    elif fault == "poisoned":
        journal.append(old_event(output_tokens=-1))
    else:
        data = pack(encode(old_event()), boot_id=journal.boot_id, sequence=2)
        journal.append_raw(data[:-1] + bytes([data[-1] ^ 1]))
    ship_journal(root)
    with pytest.raises(CommandError, match="1 faults"):
        journal_command("verify")


def test_replay_stores_a_restored_segment_once(root, journal, tmp_path):
    events = [journal.append(make_event()) for _ in range(5)]
    copy = tmp_path / journal.segment.path.name
    copy.write_bytes(journal.segment.path.read_bytes())

    assert "5 events, 5 of them were new" in journal_command("replay", str(copy))
    assert "5 events, 0 of them were new" in journal_command("replay", str(copy))
    assert ship_journal(root).events == 0
    assert UsageEvent.objects.count() == len(events)
    assert copy.exists()


def test_a_quarantined_record_is_mended_and_replayed(root, journal, tmp_path):
    event = journal.append(old_event(output_tokens=-1))
    ship_journal(root)
    [path] = quarantined(root)
    with pytest.raises(CommandError, match="1 faults"):
        journal_command("verify")
    with pytest.raises(CommandError, match=r"record 1: a quantity"):
        journal_command("replay", str(path))

    fields = json.loads(journal_command("inspect", str(path), "--payloads"))
    fields[fields.index(-1)] = 7
    mended = tmp_path / "mended.jsonl"
    mended.write_text(f"{json.dumps(fields)}\n\n")
    assert "1 events, 1 of them were new" in journal_command("replay", str(mended))
    assert "0 of them were new" in journal_command("replay", str(mended))
    assert "2 segments" in journal_command("verify")
    assert UsageEvent.objects.get().event_id.hex == event.event_id


def test_replay_stores_what_it_can_and_names_the_rest(journal, tmp_path):
    del journal
    mended = tmp_path / "mended.jsonl"
    mended.write_bytes(b"[1]\n" + encode(make_event()) + b"\n")
    with pytest.raises(CommandError, match="line 1: "):
        journal_command("replay", str(mended))
    assert UsageEvent.objects.count() == 1


def test_it_refuses_a_file_that_is_not_there(tmp_path):
    with pytest.raises(CommandError, match="No such file"):
        journal_command("replay", str(tmp_path / "none.journal"))
