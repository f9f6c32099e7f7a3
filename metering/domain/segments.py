"""Which files of the journal are segments, and what one read of a segment holds."""

import enum
import re
from dataclasses import dataclass

from metering.domain.journal_format import (
    HEAD_BYTES,
    PAYLOAD_BYTES_MAX,
    Record,
    TornRecordError,
    unpack,
)

RECORD_BYTES_MAX = HEAD_BYTES + PAYLOAD_BYTES_MAX
_NAME = re.compile(r"[0-9]{20}-[0-9a-f]{16}[-0-9]*\.journal")
_DRAFT = ".draft"


def is_segment(name: str) -> bool:
    """`<creation time in µs, 20 digits>-<boot id, 16 hexadecimal digits>.journal`: the
    order of the names is the order of creation. Another file is none of ours. (A
    quarantined record has its sequence before the dot and may be put back.)
    """
    return _NAME.fullmatch(name) is not None


def is_draft(name: str) -> bool:
    """A segment that its proxy is just making; it becomes one by its renaming."""
    return name.endswith(_DRAFT) and is_segment(name.removesuffix(_DRAFT))


def made_at_us(name: str) -> int:
    """Microseconds since the epoch; `name` must be a segment's or a draft's."""
    return int(name[:20])


def boot_id_of(name: str) -> str:
    """Hexadecimal; `name` must be a segment's."""
    return name[21:37]


class Tail(enum.Enum):
    """What follows the records of a window."""

    MORE = enum.auto()
    """Bytes that this window was too short for."""
    NOTHING = enum.auto()
    """Zeroes, or the end of the file."""
    TORN = enum.auto()
    """Bytes that are no whole record: a write in progress, or one that a crash cut."""


@dataclass(frozen=True, kw_only=True)
class Window:
    records: list[Record]
    tail: Tail


def split(window: bytes, *, records_max: int, is_last: bool) -> Window:
    """At most `records_max` records of `window`, whose first byte begins a record.

    `is_last` says that the file ends with the window. Otherwise a record may be cut by
    the window's end, and the window must be longer than RECORD_BYTES_MAX.
    """
    records: list[Record] = []
    try:
        for record in unpack(window):
            records.append(record)
            if len(records) == records_max:
                return Window(records=records, tail=Tail.MORE)
    except TornRecordError as torn:
        may_be_cut = not is_last and len(window) - torn.offset < RECORD_BYTES_MAX
        return Window(records=records, tail=Tail.MORE if may_be_cut else Tail.TORN)
    end = records[-1].end if records else 0
    is_cut = not is_last and len(window) - end < HEAD_BYTES
    return Window(records=records, tail=Tail.MORE if is_cut else Tail.NOTHING)


@dataclass(frozen=True, kw_only=True)
class Gap:
    """Records are missing (or repeated) before `found`."""

    boot_id: str
    expected: int
    found: int


@dataclass(frozen=True, kw_only=True)
class Place:
    """The last record seen; `boot_id` is hexadecimal, empty for none."""

    boot_id: str = ""
    sequence: int = 0

    def gap_before(self, record: Record) -> Gap | None:
        boot_id = record.boot_id.hex()
        expected = self.sequence + 1 if boot_id == self.boot_id else 1
        if record.sequence == expected:
            return None
        return Gap(boot_id=boot_id, expected=expected, found=record.sequence)


def place_of(record: Record) -> Place:
    return Place(boot_id=record.boot_id.hex(), sequence=record.sequence)
