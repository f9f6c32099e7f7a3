"""What lies in the journal: read again from the files, whatever the cursors say."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from metering.domain.segments import Gap, Place, Tail, boot_id_of, is_segment
from metering.models import JournalCursor
from metering.services.quarantine import FOLDER_NAME
from metering.services.read_segment import (
    Batch,
    PoisonedRecord,
    has_writer,
    is_zero_from,
    read_batch,
    read_record,
)
from metering.services.ship_journal import journal_folders


@dataclass(kw_only=True)
class SegmentReport:
    path: Path
    is_quarantined: bool
    size_bytes: int
    end: int = 0
    """Offset behind the last whole record."""
    records: int = 0
    events: int = 0
    first_happened_at_us: int | None = None
    last_happened_at_us: int | None = None
    is_torn: bool = False
    """Something that is no whole record follows the last one."""
    has_writer: bool = False
    needs_newer_shipper: str = ""
    poisoned: list[PoisonedRecord] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    cursor: JournalCursor | None = None


def segments_of(root: Path) -> list[Path]:
    """All segments below the journal's root, the quarantined ones last."""
    quarantine = root / FOLDER_NAME
    set_aside = (
        sorted(p for p in quarantine.iterdir() if p.is_dir())
        if (quarantine.is_dir())
        else []
    )
    return [
        path
        for folder in (*journal_folders(root), *set_aside)
        for path in sorted(folder.iterdir())
        if is_segment(path.name)
    ]


def read_batches(segment: Path, *, place: Place | None = None) -> Iterator[Batch]:
    """The whole segment from its begin on. `place`: the record before, of the same
    proxy process; if not given, nothing is said of what is missing before the first.
    """
    place = place or _place_before(segment)
    start = 0
    while True:
        batch = read_batch(segment, start=start, place=place)
        yield batch
        if batch.tail is not Tail.MORE or batch.needs_newer_shipper:
            return
        start, place = batch.end, batch.place


def _place_before(segment: Path) -> Place:
    first = read_record(segment, start=0)
    if first is None:
        return Place()
    return Place(boot_id=first.boot_id.hex(), sequence=first.sequence - 1)


def inspect_journal(root: Path) -> list[SegmentReport]:
    """Raises OSError for a file that cannot be read."""
    last_places: dict[str, Place] = {}
    cursors = {(c.folder, c.segment): c for c in JournalCursor.objects.all()}
    reports: list[SegmentReport] = []
    for path in segments_of(root):
        is_quarantined = path.parent.parent.name == FOLDER_NAME
        try:
            report = inspect_segment(
                path, places=None if is_quarantined else last_places
            )
        except FileNotFoundError:  # shipped to its end and deleted meanwhile
            continue
        if not is_quarantined:
            report.cursor = cursors.get((path.parent.name, path.name))
        reports.append(report)
    return reports


def inspect_segment(
    path: Path, *, places: dict[str, Place] | None = None
) -> SegmentReport:
    """`places`: the last record seen of each boot id; kept up to date."""
    report = SegmentReport(
        path=path,
        is_quarantined=path.parent.parent.name == FOLDER_NAME,
        size_bytes=path.stat().st_size,
        has_writer=has_writer(path),
    )
    before = (places or {}).get(boot_id_of(path.name))
    place = before or Place()
    for batch in read_batches(path, place=before):
        _add(report, batch)
        place = batch.place
    report.is_torn = not report.needs_newer_shipper and not is_zero_from(
        path, report.end
    )
    if places is not None and place.boot_id:
        places[place.boot_id] = place
    return report


def _add(report: SegmentReport, batch: Batch) -> None:
    report.end = batch.end
    report.events += len(batch.events)
    report.records += len(batch.events) + len(batch.poisoned)
    report.poisoned += batch.poisoned
    report.gaps += batch.gaps
    report.needs_newer_shipper = batch.needs_newer_shipper
    times = [event.happened_at_us for event in batch.events]
    if times:
        earliest, latest = min(times), max(times)
        first, last = report.first_happened_at_us, report.last_happened_at_us
        report.first_happened_at_us = min(earliest, first or earliest)
        report.last_happened_at_us = max(latest, last or latest)
