"""The local record: in order, durable when confirmed, loud when it fails."""

import asyncio
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from metering.domain import journal_format
from metering.domain.journal_format import Record
from metering.proxy.journal import Journal

SEGMENT_BYTES = 4096
SECONDS_MAX = 30


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(SECONDS_MAX):
        while not condition():  # noqa: ASYNC110 - what it looks at announces nothing
            await asyncio.sleep(0.002)


def never(error: OSError) -> None:
    raise AssertionError(error)


def new_journal(folder: Path, on_failure: Callable[[OSError], None] = never) -> Journal:
    return Journal(folder, segment_bytes=SEGMENT_BYTES, on_failure=on_failure)


def drafts(folder: Path) -> list[Path]:
    return list(folder.glob("*.draft"))


def segments(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.journal"))


def records(folder: Path) -> list[Record]:
    return [
        record
        for segment in segments(folder)
        for record in journal_format.unpack(segment.read_bytes())
    ]


async def test_it_works(tmp_path: Path):
    journal, confirmed = new_journal(tmp_path), asyncio.Event()
    journal.append(b"one", confirmed.set)
    await asyncio.wait_for(confirmed.wait(), SECONDS_MAX)
    (record,) = records(tmp_path)
    assert (record.payload, record.sequence) == (b"one", 1)
    journal.close()


async def test_a_confirmed_event_is_in_the_file(tmp_path: Path):
    """Each confirmation looks into the file as it is at that moment."""
    journal = new_journal(tmp_path)
    seen: list[bool] = []

    def look(payload: bytes) -> None:
        seen.append(payload in [record.payload for record in records(tmp_path)])

    for number in range(30):
        payload = b"event %d" % number
        journal.append(payload, partial(look, payload))
    await until(lambda: len(seen) == 30)
    assert all(seen)
    journal.close()


async def test_events_are_confirmed_in_the_order_they_came(tmp_path: Path):
    journal = new_journal(tmp_path)
    confirmed: list[int] = []
    for number in range(500):
        journal.append(b"event %d" % number, partial(confirmed.append, number))
        if number % 50 == 0:
            await asyncio.sleep(0)  # some come while a batch is being written
    await until(lambda: len(confirmed) == 500)
    assert confirmed == list(range(500))
    written = records(tmp_path)
    assert [record.payload for record in written] == [
        b"event %d" % number for number in range(500)
    ]
    assert [record.sequence for record in written] == list(range(1, 501))
    assert len({record.boot_id for record in written}) == 1
    journal.close()


async def test_events_of_one_turn_share_a_sync(tmp_path: Path, monkeypatch):
    """Counted, not replaced: the real fdatasync runs each time."""
    syncs: list[int] = []
    real = os.fdatasync

    def counted(descriptor: int) -> None:
        syncs.append(descriptor)
        real(descriptor)

    monkeypatch.setattr(os, "fdatasync", counted)
    journal = Journal(tmp_path, segment_bytes=1 << 20, on_failure=never)
    confirmed: list[None] = []
    for _ in range(1000):
        journal.append(b"x" * 100, lambda: confirmed.append(None))
    await until(lambda: len(confirmed) == 1000)
    assert 1 <= len(syncs) < 100
    journal.close()


async def test_a_full_segment_is_followed_by_another(tmp_path: Path):
    journal = new_journal(tmp_path)
    for number in range(100):
        journal.append(b"%03d" % number * 50, lambda: None)
    journal.close()
    assert len(segments(tmp_path)) > 3
    assert [int(record.payload[:3]) for record in records(tmp_path)] == list(range(100))
    assert all(path.stat().st_size == SEGMENT_BYTES for path in segments(tmp_path))
    assert drafts(tmp_path) == []


async def test_names_of_segments_are_in_the_order_of_their_creation(tmp_path: Path):
    for number in range(3):
        journal = new_journal(tmp_path)
        journal.append(b"life %d" % number, lambda: None)
        journal.close()
    payloads = [record.payload for record in records(tmp_path)]
    assert payloads == [b"life 0", b"life 1", b"life 2"]
    assert len({record.boot_id for record in records(tmp_path)}) == 3
    for path in segments(tmp_path):
        microseconds, _, boot_id = path.stem.partition("-")
        assert (len(microseconds), len(boot_id)) == (20, 16)


async def test_close_waits_until_everything_is_durable(tmp_path: Path):
    journal = new_journal(tmp_path)
    confirmed: list[None] = []
    for number in range(200):
        journal.append(b"event %d" % number, lambda: confirmed.append(None))
    journal.close()
    assert len(records(tmp_path)) == 200
    await until(lambda: len(confirmed) == 200)


async def test_an_empty_journal_closes(tmp_path: Path):
    new_journal(tmp_path).close()
    assert records(tmp_path) == []


async def test_a_draft_of_a_crash_is_cleared_away(tmp_path: Path):
    draft = tmp_path / "00000000000000000001-0000000000000000.journal.draft"
    draft.write_bytes(b"")
    new_journal(tmp_path).close()
    assert not draft.exists()


async def test_a_torn_segment_is_left_as_it_is(tmp_path: Path):
    torn = tmp_path / "00000000000000000001-0000000000000000.journal"
    torn.write_bytes(b"\x09\x00\x00\x00 half a record")
    journal = new_journal(tmp_path)
    journal.append(b"new", lambda: None)
    journal.close()
    assert torn.read_bytes() == b"\x09\x00\x00\x00 half a record"
    assert len(segments(tmp_path)) == 2


async def test_only_its_owner_may_read_it(tmp_path: Path):
    folder = tmp_path / "journal"
    new_journal(folder).close()
    (segment,) = segments(folder)
    assert (folder.stat().st_mode & 0o777, segment.stat().st_mode & 0o777) == (
        0o700,
        0o600,
    )


async def test_a_broken_disk_is_said_and_confirms_nothing(tmp_path: Path):
    """The descriptor is swapped for one that the kernel refuses to write to."""
    failures: list[OSError] = []
    confirmed: list[None] = []
    journal = new_journal(tmp_path, failures.append)
    unwritable = os.open(os.devnull, os.O_RDONLY)
    os.dup2(unwritable, journal._file)
    journal.append(b"lost", lambda: confirmed.append(None))
    await until(lambda: failures)
    journal.append(b"after", lambda: confirmed.append(None))
    await asyncio.sleep(0.05)  # nothing announces that nothing is confirmed
    assert len(failures) == 1
    assert confirmed == []
    journal.close()
    os.close(unwritable)
    os.close(journal._file)


async def test_a_full_disk_shows_when_a_segment_is_opened(tmp_path: Path):
    failures: list[OSError] = []
    confirmed: list[bytes] = []
    journal = new_journal(tmp_path, failures.append)
    journal.append(b"first", lambda: confirmed.append(b"first"))
    await until(lambda: confirmed)
    journal._segment_bytes = 1 << 60  # more than any file may have
    journal._at = 1 << 60
    journal.append(b"second", lambda: confirmed.append(b"second"))
    await until(lambda: failures)
    assert confirmed == [b"first"]
    journal.close()


async def test_it_knows_when_the_disk_runs_low(tmp_path: Path):
    journal = new_journal(tmp_path)
    assert journal.has_room()
    journal._segment_bytes = 1 << 60
    assert not journal.has_room()
    journal.close()


async def test_it_refuses_a_folder_that_cannot_be(tmp_path: Path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OSError, match="file"):
        new_journal(tmp_path / "file" / "journal")
