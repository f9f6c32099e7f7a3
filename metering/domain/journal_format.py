"""The record of the proxy's journal: one usage event in a preallocated segment.

    length (u32) | CRC-32 of what follows (u32) | boot id (8) | sequence (u64) | payload

little-endian. A segment is preallocated with zeroes; a length of zero is its end so
far. A record that does not check is a torn tail: nothing behind it was confirmed to
anybody, since a batch is acknowledged only after fdatasync.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

_HEAD = struct.Struct("<II8sQ")
_BEHIND_CRC = struct.Struct("<8sQ")
HEAD_BYTES = _HEAD.size
PAYLOAD_BYTES_MAX = 64 * 1024


class TornRecordError(Exception):
    """The bytes at `offset` are no whole record: a crash cut the writing short."""

    def __init__(self, offset: int) -> None:
        super().__init__(f"no whole record at byte {offset}")
        self.offset = offset


@dataclass(frozen=True, kw_only=True)
class Record:
    boot_id: bytes
    """8 random bytes of the proxy process that wrote it."""
    sequence: int
    """1, 2, 3 … without gaps within a boot id."""
    payload: bytes
    end: int
    """Offset of the first byte behind the record."""


def pack(payload: bytes, *, boot_id: bytes, sequence: int) -> bytes:
    behind_crc = _BEHIND_CRC.pack(boot_id, sequence) + payload
    return struct.pack("<II", len(payload), zlib.crc32(behind_crc)) + behind_crc


def unpack(segment: bytes, *, start: int = 0) -> Iterator[Record]:
    """The records of `segment` from byte `start` on, up to the zeroes.

    Raises TornRecordError at bytes that are neither a record nor the end.
    """
    at = start
    while at + HEAD_BYTES <= len(segment):
        length, crc, boot_id, sequence = _HEAD.unpack_from(segment, at)
        if length == 0:
            return
        end = at + HEAD_BYTES + length
        if length > PAYLOAD_BYTES_MAX or end > len(segment):
            raise TornRecordError(at)
        if zlib.crc32(segment[at + 8 : end]) != crc:
            raise TornRecordError(at)
        payload = segment[at + HEAD_BYTES : end]
        yield Record(boot_id=boot_id, sequence=sequence, payload=payload, end=end)
        at = end
