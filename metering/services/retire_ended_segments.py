"""Deletes the journal segments that are wholly in PostgreSQL."""

import logging
from pathlib import Path

from django.db import transaction

from metering.models import JournalCursor
from metering.services.lock_folder import lock_folder
from metering.services.quarantine import quarantine_segment, sync_folder
from metering.services.read_segment import is_zero_from

logger = logging.getLogger(__name__)


def retire_ended_segments(folder: Path) -> None:
    """Deletes the files of ended segments, and then their cursors.

    In this order, with the deletion made durable between: a cursor without a file is
    harmless and goes with the next pass, a file without a cursor would be shipped
    again. To be called once the later segments have cursors, which take over the count
    of the boot id; else the next record would be reported as one that follows a gap.
    """
    ended = JournalCursor.objects.filter(folder=folder.name, ended_at__isnull=False)
    for cursor in ended.order_by("segment"):
        _retire(folder, cursor)


@transaction.atomic
def _retire(folder: Path, cursor: JournalCursor) -> None:
    lock_folder(folder)
    _remove_file(folder / cursor.segment, end=cursor.shipped_bytes)
    sync_folder(folder)
    cursor.delete()


def _remove_file(segment: Path, *, end: int) -> None:
    """Deletes the segment; sets it aside if something follows its last record."""
    if not segment.exists():
        return
    if is_zero_from(segment, end):
        segment.unlink()
        return
    logger.error(
        "%s: no whole record at byte %s; what is before it was shipped, kept as %s",
        segment,
        end,
        quarantine_segment(segment),
    )
