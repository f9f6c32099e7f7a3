"""The next usage events of a journal segment, from a place in it on."""

import fcntl
from dataclasses import dataclass, field
from pathlib import Path

from metering.domain.journal_format import Record
from metering.domain.segments import (
    RECORD_BYTES_MAX,
    Gap,
    Place,
    Tail,
    place_of,
    split,
)
from metering.services.decode_usage_event import (
    NewerSchemaError,
    PoisonedRecordError,
    decode_usage_event,
)
from metering.wire import UsageEvent

BATCH_EVENTS_MAX = 2000
"""Larger batches were no faster, and each is one transaction's memory and time."""
WINDOW_BYTES = 1024 * 1024
assert WINDOW_BYTES > RECORD_BYTES_MAX  # noqa: S101  a window must hold any record


@dataclass(frozen=True, kw_only=True)
class PoisonedRecord:
    sequence: int
    reason: str
    bytes: bytes
    """The whole record, as it lies in the segment."""


@dataclass(kw_only=True)
class Batch:
    """What one read found, and the place behind it."""

    end: int
    place: Place
    tail: Tail = Tail.NOTHING
    needs_newer_shipper: str = ""
    """Why the record at `end` was left; empty: it was not."""
    events: list[UsageEvent] = field(default_factory=list)
    poisoned: list[PoisonedRecord] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)


def read_batch(segment: Path, *, start: int, place: Place) -> Batch:
    """Reads on behind `place`, the record that ended at byte `start`."""
    window, is_last = _read_window(segment, start)
    found = split(window, records_max=BATCH_EVENTS_MAX, is_last=is_last)
    batch = Batch(end=start, place=place, tail=found.tail)
    for record in found.records:
        raw = window[batch.end - start : record.end]
        try:
            _take(record, raw, batch)
        except NewerSchemaError as error:
            batch.needs_newer_shipper = str(error)
            break
        batch.end = start + record.end
        batch.place = place_of(record)
    return batch


def read_record(segment: Path, *, start: int) -> Record | None:
    """The record that begins at byte `start`; None: nothing whole does."""
    with segment.open("rb") as file:
        file.seek(start)
        window = file.read(RECORD_BYTES_MAX)
    return next(iter(split(window, records_max=1, is_last=False).records), None)


def has_record_at(segment: Path, offset: int) -> bool:
    """False where the segment ends, or has a length of zero, at `offset`."""
    with segment.open("rb") as file:
        file.seek(offset)
        return any(file.read(4))


def is_zero_from(segment: Path, offset: int) -> bool:
    """True if nothing but zeroes follows; reads all of it, a window at a time."""
    with segment.open("rb") as file:
        file.seek(offset)
        while window := file.read(WINDOW_BYTES):
            if window.strip(b"\0"):
                return False
    return True


def has_writer(segment: Path) -> bool:
    """True while a proxy holds the segment's lock: it may still append to it."""
    with segment.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _read_window(segment: Path, start: int) -> tuple[bytes, bool]:
    """The bytes from `start` on, and whether they reach to the end of the file."""
    with segment.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(start)
        window = file.read(WINDOW_BYTES)
    return window, start + len(window) >= size


def _take(record: Record, raw: bytes, batch: Batch) -> None:
    try:
        event = decode_usage_event(record.payload)
    except PoisonedRecordError as error:
        batch.poisoned.append(
            PoisonedRecord(sequence=record.sequence, reason=str(error), bytes=raw)
        )
    else:
        batch.events.append(event)
    if gap := batch.place.gap_before(record):
        batch.gaps.append(gap)
