"""Ctrl-C below `make`.

A terminal sends Ctrl-C to every process of the foreground group, so `make` would be
interrupted too and report a failure although we stop in good order. The supervisor
therefore takes the terminal for itself and gives it back at the end.
"""

import contextlib
import os
import signal
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def of_our_own() -> Iterator[None]:
    if "MAKELEVEL" not in os.environ or not _holds_terminal():
        yield
        return
    group_before = os.getpgrp()
    # Handing the terminal over and back would otherwise stop us; and stopped (Ctrl-Z)
    # we would leave a terminal that nobody reads.
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    signal.signal(signal.SIGTSTP, signal.SIG_IGN)
    os.setpgid(0, 0)
    os.tcsetpgrp(sys.stdin.fileno(), os.getpgrp())
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            os.tcsetpgrp(sys.stdin.fileno(), group_before)


def _holds_terminal() -> bool:
    try:
        return os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp() != os.getpid()
    except (OSError, ValueError):
        return False
