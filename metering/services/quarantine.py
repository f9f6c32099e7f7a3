"""Journal files that a person must look at, set aside in `journal/quarantine/`."""

import os
from pathlib import Path

FOLDER_NAME = "quarantine"


def quarantine_record(segment: Path, *, sequence: int, record: bytes) -> Path:
    """Keeps a copy of one record, durably, and returns its path.

    The copy is a segment by itself: put back into a journal folder, it is shipped
    again. Safe twice: a repeat writes the same file.
    """
    path = _place_for(segment, f"{segment.stem}-{sequence}{segment.suffix}")
    draft = path.with_suffix(".draft")
    with draft.open("wb") as file:
        file.write(record)
        file.flush()
        os.fsync(file.fileno())
    draft.rename(path)
    sync_folder(path.parent)
    return path


def quarantine_segment(segment: Path) -> Path:
    """Moves a whole segment there, durably, and returns its new path."""
    path = _place_for(segment, segment.name)
    segment.rename(path)
    sync_folder(path.parent)
    sync_folder(segment.parent)
    return path


def sync_folder(folder: Path) -> None:
    """Makes the names in `folder` survive a loss of power."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _place_for(segment: Path, name: str) -> Path:
    folder = segment.parent.parent / FOLDER_NAME / segment.parent.name
    folder.mkdir(parents=True, exist_ok=True)
    return folder / name
