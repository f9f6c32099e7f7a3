"""Given a terminal, when Ctrl-C is typed, then only the supervisor notices: what called
it (`make`) would otherwise be interrupted and report a failure.
"""

import os
import subprocess
import sys

import pytest

from config.environment import REPOSITORY

SUPERVISOR = """
import signal, sys, time
from config.supervisor import terminal

def stop(*_):
    sys.exit(0)

with terminal.of_our_own():
    signal.signal(signal.SIGINT, stop)
    print("running", flush=True)
    time.sleep(30)
"""
# Like make, it is of the terminal's foreground group and dies of the signal: a shell
# sometimes lives on when its child has ended in good order first.
CALLER = """
import signal, subprocess, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
code = subprocess.call([sys.executable, "-c", sys.argv[1]])
print("status", code, flush=True)
"""


@pytest.mark.parametrize(("level", "outcome"), [("1", "status 0"), ("", "")])
def test_it_works(level, outcome):
    """Without make (no MAKELEVEL) a shell's own job control is left alone."""
    environment = {k: v for k, v in os.environ.items() if k != "MAKELEVEL"}
    if level:
        environment["MAKELEVEL"] = level
    ours, theirs = os.openpty()
    caller = subprocess.Popen(
        ["setsid", "--ctty", "--wait", sys.executable, "-c", CALLER, SUPERVISOR],
        cwd=REPOSITORY,
        env=environment,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    shown = b""
    while b"running" not in shown:
        shown += os.read(ours, 1024)
    os.write(ours, b"\x03")
    code = caller.wait(timeout=10)
    while outcome and outcome.encode() not in shown:
        shown += os.read(ours, 1024)
    os.close(ours)
    assert (code == 0) is bool(outcome)
