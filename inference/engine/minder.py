"""Ends the engine's processes when the launcher is gone, however it went.

vLLM is a family: when its first process is killed, its engine core process lives on
with all the memory. The kernel can tie a child to its parent, but not a grandchild. So
this little process waits at the other end of a pipe that the launcher holds open and
never writes to; the end of the pipe is the end of the launcher. Standard library only.
"""

import contextlib
import os
import signal
import sys
import time

GRACE_SECONDS = 2.0


def main(group: int) -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sys.stdin.buffer.read()
    with contextlib.suppress(ProcessLookupError):
        os.kill(group, signal.SIGTERM)
        _wait_for_the_end(group)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def _wait_for_the_end(group: int) -> None:
    """Raises ProcessLookupError as soon as there is nobody left in the group."""
    deadline = time.monotonic() + GRACE_SECONDS
    while time.monotonic() < deadline:
        os.killpg(group, 0)
        time.sleep(0.05)


if __name__ == "__main__":
    main(int(sys.argv[1]))
