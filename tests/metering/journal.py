"""Usage events and a journal, as a proxy would write them."""

import os
import secrets
from itertools import count
from pathlib import Path

import msgspec

from metering.domain.journal_format import pack
from metering.wire import USAGE_EVENT_SCHEMA, Outcome, UsageEvent, UsageSource

HOUR_US = 3_600_000_000
NOON_US = 1_795_262_400_000_000
"""2026-11-21 12:00 UTC."""
SEGMENT_BYTES = 64 * 1024

_segment_numbers = count(1)


def make_event(**changes) -> UsageEvent:
    """An event with a new id: 100 tokens in, 40 of them cached, 7 out, at noon."""
    event = UsageEvent(
        schema=USAGE_EVENT_SCHEMA,
        event_id=secrets.token_hex(16),
        tenant_id=1,
        project_id=10,
        api_key_id=100,
        model="smollm2-135m-instruct",
        engine_id=1,
        price_version_id=1,
        endpoint="chat.completions",
        streamed=False,
        outcome=Outcome.COMPLETED,
        usage_source=UsageSource.ENGINE,
        input_tokens=100,
        cached_input_tokens=40,
        cache_write_tokens=60,
        output_tokens=7,
        reasoning_tokens=0,
        received_at_us=NOON_US - 250_000,
        first_token_at_us=None,
        happened_at_us=NOON_US,
    )
    return msgspec.structs.replace(event, **changes)


def encode(event: UsageEvent) -> bytes:
    return msgspec.json.encode(event)


class Segment:
    """One preallocated segment, written with pwrite like the proxy's."""

    def __init__(self, folder: Path, *, boot_id: bytes, size: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        name = f"{next(_segment_numbers):020}-{boot_id.hex()}.journal"
        self.path = folder / name
        self.end = 0
        self._file = self.path.open("w+b")
        os.posix_fallocate(self._file.fileno(), 0, size)

    def write(self, data: bytes) -> None:
        os.pwrite(self._file.fileno(), data, self.end)
        self.end += len(data)

    def close(self) -> None:
        self._file.close()


class Journal:
    """The journal of one proxy process: one boot id, segments one after another."""

    def __init__(self, folder: Path, *, segment_bytes: int = SEGMENT_BYTES) -> None:
        self.folder = folder
        self.boot_id = secrets.token_bytes(8)
        self.sequence = 0
        self._segment_bytes = segment_bytes
        self.segment = self._open()

    def append(self, event: UsageEvent) -> UsageEvent:
        self.append_payload(encode(event))
        return event

    def append_payload(self, payload: bytes) -> None:
        self.sequence += 1
        self.append_raw(pack(payload, boot_id=self.boot_id, sequence=self.sequence))

    def append_raw(self, data: bytes) -> None:
        """Bytes of any kind; opens the next segment if they do not fit."""
        if self.segment.end + len(data) > self._segment_bytes:
            self.rotate()
        self.segment.write(data)

    def rotate(self) -> None:
        self.segment.close()
        self.segment = self._open()

    def close(self) -> None:
        self.segment.close()

    def _open(self) -> Segment:
        return Segment(self.folder, boot_id=self.boot_id, size=self._segment_bytes)


def segments(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())
