"""How far the journals are in PostgreSQL, in time: what a sum over events may trust."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.utils import timezone

from metering.domain.journal_format import Record
from metering.domain.segments import is_draft, is_segment, made_at_us
from metering.models import JournalCursor
from metering.services.decode_usage_event import (
    NewerSchemaError,
    PoisonedRecordError,
    decode_usage_event,
)
from metering.services.read_segment import has_record_at, has_writer, read_record
from metering.services.ship_journal import journal_folders

WRITE_MARGIN = timedelta(seconds=2)
"""An event is dated before it is handed to the thread that writes it, which may be in
the middle of syncing the batch before. A proxy whose disk takes longer than this ends
no answer meanwhile."""
_DRAFT_SECONDS = timedelta(seconds=10)
"""A draft is made and locked in two steps."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def shipped_up_to(root: Path | None = None) -> datetime | None:
    """Every usage event that happened before it is in PostgreSQL. None: unknown, since
    there is no journal (on this machine).

    It never waits, and may stand still: while the shipper is away, at the first event
    that is not shipped. Three things may still add an earlier event: a record mended
    by hand, a segment from a backup, and the repeat of a call with an idempotency key
    whose proxy died after it had kept the answer and before the event was on the disk:
    the proxy that answers the repeat writes it.
    """
    root = root or Path(settings.JOURNAL_FOLDER)
    if not root.is_dir():
        return None
    # Before any look: what is written after it happened after it, less the margin.
    now = timezone.now()
    bounds = [_bound(folder, now=now) for folder in journal_folders(root)]
    return min([now - WRITE_MARGIN, *bounds])


def _bound(folder: Path, *, now: datetime) -> datetime:
    """The same for the events of one proxy's folder, if that is before `now`."""
    names = sorted(path.name for path in folder.iterdir())
    # A proxy that opens its next segment holds events back until that is ready.
    bounds = [
        _begin_of(name)
        for name in names
        if is_draft(name) and _is_open(folder / name, now=now)
    ]
    # The cursors come after the list: a segment without one has not been begun, or has
    # been deleted with all its events in PostgreSQL.
    cursors = {c.segment: c for c in JournalCursor.objects.filter(folder=folder.name)}
    for name in filter(is_segment, names):
        cursor = cursors.get(name)
        if cursor is None or cursor.ended_at is None:
            shipped_bytes = cursor.shipped_bytes if cursor else 0
            bounds.append(_bound_of_segment(folder / name, shipped_bytes, now=now))
    return min([now, *bounds])


def _is_open(draft: Path, *, now: datetime) -> bool:
    """False for what a crash left: it is empty, and nobody will write to it."""
    try:
        return has_writer(draft) or _time(made_at_us(draft.name)) > now - _DRAFT_SECONDS
    except FileNotFoundError:  # it is a segment by now, and a new one
        return True


def _bound_of_segment(segment: Path, shipped_bytes: int, *, now: datetime) -> datetime:
    try:
        if not has_record_at(segment, shipped_bytes):
            return now
        record = read_record(segment, start=shipped_bytes)
        if record is None and not has_writer(segment):
            return now  # torn by a crash: nothing of it counts, and nothing follows
    except FileNotFoundError:  # shipped to its end and deleted since we looked
        return now
    return _time_of(record) or _begin_of(segment.name)


def _time_of(record: Record | None) -> datetime | None:
    """None: it is being written just now, or says nothing that we understand."""
    if record is None:
        return None
    try:
        happened_at_us = decode_usage_event(record.payload).happened_at_us
    except (PoisonedRecordError, NewerSchemaError):
        return None
    return _time(happened_at_us) - WRITE_MARGIN


def _begin_of(name: str) -> datetime:
    return _time(made_at_us(name)) - WRITE_MARGIN


def _time(at_us: int) -> datetime:
    return _EPOCH + timedelta(microseconds=at_us)
