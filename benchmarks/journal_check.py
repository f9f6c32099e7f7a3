"""Counts the usage events of a running proxy, in place of the shipper."""

from pathlib import Path

from metering.domain import journal_format


class JournalCheck:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._last_sequence = 0
        self.events = 0
        self.duplicated = 0

    def take_sealed(self) -> None:
        """Counts and deletes the segments that will not grow any more."""
        for segment in sorted(self._folder.glob("*.journal"))[:-1]:
            self._take(segment)

    def take_all(self) -> None:
        """The process has ended."""
        for segment in sorted(self._folder.glob("*.journal")):
            self._take(segment)

    def _take(self, segment: Path) -> None:
        """An event is never split, and one sequence number is one event."""
        ids = set()
        for record in journal_format.unpack(segment.read_bytes()):
            ids.add(record.payload.split(b'"', 2)[1])
            self.events += 1
            if record.sequence != self._last_sequence + 1:
                raise SystemExit(
                    f"{segment.name}: event {record.sequence} follows "
                    f"{self._last_sequence}"
                )
            self._last_sequence = record.sequence
            self.duplicated += 1
        self.duplicated -= len(ids)
        segment.unlink()
