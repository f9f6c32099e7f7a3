"""The local, append-only record of usage events, with group commit and no timer.

The loop hands events to one thread. While that runs pwrite and fdatasync the next
batch gathers, so batches form by themselves under load and a lonely event waits for
one fdatasync only. A segment is preallocated: a full disk shows when a segment is
opened, not in the middle of a record. Old segments are never written again: after a
crash the torn tail of the last one stays as it is, and a new one is begun.
"""

import asyncio
import fcntl
import logging
import os
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

from metering.domain import journal_format

_log = logging.getLogger(__name__)
Confirm = Callable[[], None]


class Journal:
    def __init__(
        self,
        folder: Path,
        *,
        segment_bytes: int,
        on_failure: Callable[[OSError], None],
    ) -> None:
        """`on_failure` is called in the loop when a batch could not be made durable:
        the process must end, since a file that failed to sync cannot be trusted again.

        Raises OSError when the first segment cannot be opened.
        """
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder = folder
        self._segment_bytes = segment_bytes
        self._on_failure = on_failure
        self._loop = asyncio.get_running_loop()
        self._boot_id = os.urandom(8)
        self._sequence = 0
        self._lock = threading.Condition()
        self._gathered: list[tuple[bytes, Confirm]] = []
        self._is_closing = False
        self._file = -1
        self._at = 0
        for draft in folder.glob("*.draft"):
            draft.unlink()  # a crash between creation and rename left it empty
        self._open_segment()
        self._writer = threading.Thread(target=self._run, name="journal", daemon=True)
        self._writer.start()

    def append(self, payload: bytes, confirm: Confirm) -> None:
        """`confirm` is called in the loop once the record is durable."""
        with self._lock:
            self._sequence += 1
            record = journal_format.pack(
                payload, boot_id=self._boot_id, sequence=self._sequence
            )
            self._gathered.append((record, confirm))
            if len(self._gathered) == 1:
                self._lock.notify()

    def has_room(self) -> bool:
        """False: the disk has not the space for two further segments."""
        return shutil.disk_usage(self._folder).free > 2 * self._segment_bytes

    def close(self) -> None:
        """Returns when everything appended is durable."""
        with self._lock:
            self._is_closing = True
            self._lock.notify()
        self._writer.join()

    def _run(self) -> None:
        while batch := self._next_batch():
            try:
                self._write([record for record, _ in batch])
            except OSError as error:
                _log.critical("the journal cannot be written: %s", error)
                self._loop.call_soon_threadsafe(self._on_failure, error)
                return
            self._loop.call_soon_threadsafe(_confirm_all, batch)
        os.close(self._file)

    def _next_batch(self) -> list[tuple[bytes, Confirm]]:
        with self._lock:
            while not self._gathered and not self._is_closing:
                self._lock.wait()
            batch, self._gathered = self._gathered, []
        return batch

    def _write(self, records: list[bytes]) -> None:
        fitting: list[bytes] = []
        end = self._at
        for record in records:
            if end + len(record) > self._segment_bytes:
                self._write_fitting(fitting)
                os.close(self._file)
                self._open_segment()
                fitting, end = [], 0
            fitting.append(record)
            end += len(record)
        self._write_fitting(fitting)

    def _write_fitting(self, records: list[bytes]) -> None:
        if not records:
            return
        data = b"".join(records)
        written = 0
        while written < len(data):
            written += os.pwrite(self._file, data[written:], self._at + written)
        os.fdatasync(self._file)
        self._at += len(data)

    def _open_segment(self) -> None:
        """Creation time first in the name: the order of names is that of creation."""
        name = f"{time.time_ns() // 1000:020d}-{self._boot_id.hex()}.journal"
        draft = self._folder / f"{name}.draft"
        self._file = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
        # The shipper sees by it that we may still append, though a later proxy began a
        # segment beside ours.
        fcntl.flock(self._file, fcntl.LOCK_EX)
        os.posix_fallocate(self._file, 0, self._segment_bytes)
        os.fsync(self._file)
        draft.rename(self._folder / name)
        folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        os.fsync(folder)
        os.close(folder)
        self._at = 0


def _confirm_all(batch: list[tuple[bytes, Confirm]]) -> None:
    for _, confirm in batch:
        confirm()
