"""Ships the events of one file again: of a quarantined, mended or restored segment."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from metering.services.decode_usage_event import (
    NewerSchemaError,
    PoisonedRecordError,
    decode_usage_event,
)
from metering.services.inspect_journal import read_batches
from metering.services.read_segment import BATCH_EVENTS_MAX
from metering.services.store_usage_events import store_usage_events
from metering.wire import UsageEvent

MENDED = ".jsonl"


@dataclass(kw_only=True)
class Replay:
    events: int = 0
    stored: int = 0
    """Of these, new rows; the others were there."""
    refused: list[str] = field(default_factory=list)
    """A sentence for each record that cannot be stored."""


def replay_segment(path: Path) -> Replay:
    """Stores what is not stored yet; safe again, and while the shipper works. The file
    stays, and no cursor moves.

    A file `….jsonl` has one payload of a record a line, as `journal inspect --payloads`
    prints it: so a record is mended with an editor. Raises OSError.
    """
    replay = Replay()
    source = _mended(path, replay) if path.suffix == MENDED else _segment(path, replay)
    for events in source:
        replay.events += len(events)
        replay.stored += store_usage_events(events)
    return replay


def _segment(path: Path, replay: Replay) -> Iterator[list[UsageEvent]]:
    for batch in read_batches(path):
        replay.refused += [
            f"record {poisoned.sequence}: {poisoned.reason}"
            for poisoned in batch.poisoned
        ]
        if batch.needs_newer_shipper:
            replay.refused.append(
                f"from byte {batch.end} on: {batch.needs_newer_shipper}"
            )
        yield batch.events


def _mended(path: Path, replay: Replay) -> Iterator[list[UsageEvent]]:
    with path.open("rb") as file:
        lines = enumerate(file, start=1)
        while part := list(islice(lines, BATCH_EVENTS_MAX)):
            yield list(_decoded(part, replay))


def _decoded(lines: list[tuple[int, bytes]], replay: Replay) -> Iterator[UsageEvent]:
    for number, line in lines:
        if not line.strip():
            continue
        try:
            yield decode_usage_event(line)
        except (PoisonedRecordError, NewerSchemaError) as error:
            replay.refused.append(f"line {number}: {error}")
