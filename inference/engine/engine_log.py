"""What the engine prints: passed on to our own output, and the end of it kept."""

import re
import subprocess
import sys
from collections import deque
from collections.abc import Iterable, Iterator

from inference.engine.child import Output

LINES_KEPT = 300

_ERROR = re.compile(r"\b(?:\w+\.)*\w*(?:Error|Exception): .+")
# The first process of the family reports this about the others, after the cause.
_ECHO = "Engine core initialization failed"


class EngineLog:
    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._output = Output(process)
        self._last: deque[str] = deque(maxlen=LINES_KEPT)

    def lines(self, tick_seconds: float) -> Iterator[str]:
        """Line by line, and empty ones in silence; ends soon after the engine has."""
        for line in self._output.lines(tick_seconds):
            if line:
                self._last.append(line)
                sys.stdout.write(f"{line}\n")
                sys.stdout.flush()
            yield line

    def obituary(self) -> str:
        """One sentence about its end, with the cause if it told one."""
        status = self._process.wait()
        how = f"was killed by signal {-status}" if status < 0 else f"ended ({status})"
        return f"vLLM {how}: {cause(self._last) or 'it gave no reason.'}"


def cause(lines: Iterable[str]) -> str:
    """The last error that is not merely an echo of another process's."""
    told = [
        found[0]
        for line in lines
        if (found := _ERROR.search(line)) and _ECHO not in line
    ]
    return told[-1] if told else ""
