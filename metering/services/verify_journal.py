"""Whether everything that the journal holds is in PostgreSQL, record by record."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec

from metering.domain.journal_format import HEAD_BYTES
from metering.domain.segments import boot_id_of
from metering.models import UsageEvent
from metering.services.inspect_journal import inspect_journal, read_batches
from metering.services.read_segment import PoisonedRecord
from metering.wire import UsageEvent as Event

PATIENCE = timedelta(minutes=1)
"""How long a record may wait for the shipper before that is a fault."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(kw_only=True)
class Verification:
    segments: int = 0
    stored: int = 0
    """Records that are in `usage_event`."""
    waiting: int = 0
    """Records so young that the shipper may not have come yet."""
    faults: list[str] = field(default_factory=list)
    """A sentence each."""


def verify_journal(root: Path, *, now: datetime) -> Verification:
    """Reads every segment, the quarantined ones too, checks each record's CRC and
    sequence, and looks its event up. Raises OSError for a file that cannot be read.
    """
    found = Verification()
    told: set[tuple[str, int]] = set()
    """Records that cannot be stored: they lie in their segment and in quarantine."""
    for report in inspect_journal(root):
        found.segments += 1
        name = f"{report.path.parent.name}/{report.path.name}"
        found.faults += [
            f"{name}: record {gap.found} of boot id {gap.boot_id} follows,"
            f" {gap.expected} was expected"
            for gap in report.gaps
        ]
        for poisoned in report.poisoned:
            record = boot_id_of(report.path.name), poisoned.sequence
            if record not in told and not _is_mended(poisoned):
                found.faults.append(
                    f"{name}: record {poisoned.sequence} cannot be stored"
                    f" ({poisoned.reason})"
                )
            told.add(record)
        if report.needs_newer_shipper:
            found.faults.append(f"{name}: {report.needs_newer_shipper}")
        # Set aside, its torn tail was seen: nothing of it had been confirmed.
        if report.is_torn and not (report.has_writer or report.is_quarantined):
            found.faults.append(f"{name}: no whole record at byte {report.end}")
        _look_up(report.path, name, found, now=now)
    return found


def _is_mended(poisoned: PoisonedRecord) -> bool:
    """Whether an event with the id that the record names was stored nevertheless."""
    try:
        fields = msgspec.json.decode(poisoned.bytes[HEAD_BYTES:], type=list[Any])
        event_id = UUID(fields[1])
    except (msgspec.MsgspecError, ValueError, TypeError, AttributeError, IndexError):
        return False
    return UsageEvent.objects.filter(event_id=event_id).exists()


def _look_up(segment: Path, name: str, found: Verification, *, now: datetime) -> None:
    try:
        for batch in read_batches(segment):
            missing = _missing(batch.events)
            found.stored += len(batch.events) - len(missing)
            for event in missing:
                if now - _time(event.happened_at_us) < PATIENCE:
                    found.waiting += 1
                else:
                    found.faults.append(f"{name}: event {event.event_id} is not stored")
    except FileNotFoundError:  # shipped to its end and deleted meanwhile
        return


def _missing(events: Sequence[Event]) -> list[Event]:
    if not events:
        return []
    times = [event.happened_at_us for event in events]
    rows = UsageEvent.objects.filter(
        event_id__in=[event.event_id for event in events],
        happened_at__gte=_time(min(times)),
        happened_at__lte=_time(max(times)),
    )
    stored = {
        (event_id.hex, happened_at)
        for event_id, happened_at in rows.values_list("event_id", "happened_at")
    }
    return [e for e in events if (e.event_id, _time(e.happened_at_us)) not in stored]


def _time(at_us: int) -> datetime:
    return _EPOCH + timedelta(microseconds=at_us)
