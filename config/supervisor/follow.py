"""The end of a log file, and then its growth, across the file's replacement."""

import os
import time
from pathlib import Path
from typing import IO

LAST_BYTES = 8_000
LOOK_SECONDS = 0.25


def follow(path: Path, output: IO[str]) -> None:
    """Until it is interrupted."""
    start = max(path.stat().st_size - LAST_BYTES, 0)
    while True:
        with path.open(errors="replace") as file:
            file.seek(start)
            if start:
                file.readline()  # the rest of a line that began earlier
            _copy_until_replaced(path, file, output)
        start = 0


def _copy_until_replaced(path: Path, file: IO[str], output: IO[str]) -> None:
    inode = os.fstat(file.fileno()).st_ino
    while True:
        while text := file.read(65_536):
            output.write(text)
        output.flush()
        if not path.exists() or path.stat().st_ino != inode:
            return
        time.sleep(LOOK_SECONDS)
