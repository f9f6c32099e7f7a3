"""Copies the proxies' journals into PostgreSQL, each event exactly once.

A batch of events, the marks of their hours and the journal cursor behind them are one
transaction. Whatever dies, the next pass goes on from the cursor.
"""

import enum
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from django.db import DataError, IntegrityError, transaction
from django.utils import timezone

from metering.domain.segments import Place, Tail, boot_id_of, is_segment
from metering.models import JournalCursor
from metering.services.lock_folder import lock_folder
from metering.services.quarantine import FOLDER_NAME, quarantine_record
from metering.services.read_segment import Batch, has_record_at, has_writer, read_batch
from metering.services.retire_ended_segments import retire_ended_segments
from metering.services.store_usage_events import store_usage_events

logger = logging.getLogger(__name__)

_SEGMENT_ERRORS = (OSError, DataError, IntegrityError)
"""They concern one segment: the others of the folder are shipped all the same."""


class State(enum.Enum):
    MORE = enum.auto()
    """There are more records to ship now."""
    WAITING = enum.auto()
    """The end so far of a live segment."""
    BLOCKED = enum.auto()
    """The next record needs a newer shipper."""
    ENDED = enum.auto()
    """A sealed segment is shipped to its end."""


@dataclass(kw_only=True)
class Shipment:
    """What one pass did."""

    events: int = 0
    """New rows; events that were stored already do not count."""
    blocked: dict[str, str] = field(default_factory=dict)
    """Why, by the path of the segment; nothing else can be done about it here."""

    def add(self, other: "Shipment") -> None:
        self.events += other.events
        self.blocked |= other.blocked


def ship_journal(
    root: Path, *, is_stopping: Callable[[], bool] = lambda: False
) -> Shipment:
    """One pass over all folders below the journal's root."""
    shipment = Shipment()
    for folder in journal_folders(root):
        shipment.add(ship_folder(folder, is_stopping=is_stopping))
    return shipment


def journal_folders(root: Path) -> list[Path]:
    """The proxies' folders below the journal's root; none while it does not exist."""
    if not root.is_dir():
        return []
    return sorted(p for p in root.iterdir() if p.is_dir() and p.name != FOLDER_NAME)


def ship_folder(
    folder: Path, *, is_stopping: Callable[[], bool] = lambda: False
) -> Shipment:
    """Ships what the folder holds, oldest segment first, and deletes what is done.

    Returns early, between two transactions, once `is_stopping` says so. Raises
    django.db.OperationalError when PostgreSQL is away.
    """
    # The list comes before any reading: a segment with a later one beside it had got
    # its last record before we look.
    segments = sorted(p for p in folder.iterdir() if is_segment(p.name))
    cursors = {c.segment: c for c in JournalCursor.objects.filter(folder=folder.name)}
    shipment = Shipment()
    for segment in segments:
        if is_stopping():
            return shipment
        try:
            is_sealed = segment != segments[-1] and not has_writer(segment)
            if not _is_idle(segment, cursors.get(segment.name), is_sealed=is_sealed):
                shipment.add(
                    ship_segment(segment, is_sealed=is_sealed, is_stopping=is_stopping)
                )
        except FileNotFoundError:
            continue  # another shipper has retired it since we looked
        except _SEGMENT_ERRORS as error:
            shipment.blocked[str(segment)] = f"{type(error).__name__}: {error}"
    retire_ended_segments(folder)
    return shipment


def ship_segment(
    segment: Path,
    *,
    is_sealed: bool,
    is_stopping: Callable[[], bool] = lambda: False,
) -> Shipment:
    """Ships one segment as far as it goes; `is_sealed`: nobody writes to it any more.

    Raises OSError when the disk fails and django.db.Error when PostgreSQL does; what
    was committed until then stays.
    """
    shipment = Shipment()
    state = State.MORE
    while state is State.MORE and not is_stopping():
        state, part = _ship_batch(segment, is_sealed=is_sealed)
        shipment.add(part)
    return shipment


def _is_idle(segment: Path, cursor: JournalCursor | None, *, is_sealed: bool) -> bool:
    """True if a transaction would find nothing to do; spares one per idle wake-up."""
    if cursor is None:
        return False
    if cursor.ended_at:
        return True
    return not is_sealed and not has_record_at(segment, cursor.shipped_bytes)


@transaction.atomic
def _ship_batch(segment: Path, *, is_sealed: bool) -> tuple[State, Shipment]:
    lock_folder(segment.parent)
    if not segment.exists():  # another shipper was here
        return State.ENDED, Shipment()
    cursor = _cursor_of(segment)
    if cursor.ended_at:
        return State.ENDED, Shipment()
    place = Place(boot_id=cursor.boot_id, sequence=cursor.sequence)
    batch = read_batch(segment, start=cursor.shipped_bytes, place=place)
    _report_gaps(segment, batch)
    _set_poisoned_aside(segment, batch)
    stored = store_usage_events(batch.events)
    state = _state_behind(batch, is_sealed=is_sealed)
    _advance(cursor, batch, has_ended=state is State.ENDED)
    shipment = Shipment(events=stored)
    if state is State.BLOCKED:
        shipment.blocked[str(segment)] = batch.needs_newer_shipper
    return state, shipment


def _cursor_of(segment: Path) -> JournalCursor:
    """The segment's cursor; a new one goes on counting where its boot id stopped."""
    cursors = JournalCursor.objects
    folder, name = segment.parent.name, segment.name
    if cursor := cursors.filter(folder=folder, segment=name).first():
        return cursor
    same_boot = cursors.filter(boot_id=boot_id_of(name)).order_by("-sequence")
    last = same_boot.first()
    return cursors.create(
        folder=folder,
        segment=name,
        boot_id=last.boot_id if last else "",
        sequence=last.sequence if last else 0,
    )


def _state_behind(batch: Batch, *, is_sealed: bool) -> State:
    if batch.needs_newer_shipper:
        return State.BLOCKED
    if batch.tail is Tail.MORE:
        return State.MORE
    return State.ENDED if is_sealed else State.WAITING


def _advance(cursor: JournalCursor, batch: Batch, *, has_ended: bool) -> None:
    if batch.end == cursor.shipped_bytes and not has_ended:
        return
    cursor.shipped_bytes = batch.end
    cursor.boot_id = batch.place.boot_id
    cursor.sequence = batch.place.sequence
    cursor.ended_at = timezone.now() if has_ended else None
    cursor.save()


def _report_gaps(segment: Path, batch: Batch) -> None:
    for gap in batch.gaps:
        logger.error(
            "%s: record %s of boot id %s follows, %s was expected",
            segment,
            gap.found,
            gap.boot_id,
            gap.expected,
        )


def _set_poisoned_aside(segment: Path, batch: Batch) -> None:
    """Before the commit: the cursor may pass a record only once its copy is durable."""
    for poisoned in batch.poisoned:
        copy = quarantine_record(
            segment, sequence=poisoned.sequence, record=poisoned.bytes
        )
        logger.error(
            "%s: record %s cannot be stored (%s) and is NOT billed; kept as %s",
            segment,
            poisoned.sequence,
            poisoned.reason,
            copy,
        )
