import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from inference.engine import child
from inference.engine.settings import REPOSITORY

WAIT = "time.sleep(600)\n"
FAMILY = (
    "import subprocess, sys, time\n"
    "grandchild = subprocess.Popen([sys.executable, '-c', 'import time;"
    " time.sleep(600)'])\n"
    "print(grandchild.pid, flush=True)\n"
    f"{WAIT}"
)


def alive(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] not in {"Z", "X"}


def gone_within(seconds: float, *pids: int) -> bool:
    deadline = time.monotonic() + seconds
    while any(map(alive, pids)):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def run(code: str, on_line, folder: Path) -> int:
    return child.run(
        [sys.executable, "-c", code],
        environment=os.environ,
        folder=folder,
        on_line=on_line,
    )


def test_it_works(tmp_path: Path) -> None:
    lines: list[str] = []
    code = "import os; print('one'); print(os.getcwd()); raise SystemExit(3)"

    status = run(code, lines.append, tmp_path)

    assert status == 3
    assert [line for line in lines if line] == ["one", str(tmp_path)]


def test_silence_is_told(tmp_path: Path) -> None:
    lines: list[str] = []

    run("import time; time.sleep(1.2)", lines.append, tmp_path)

    assert lines.count("") >= 1


def test_left_by_an_exception_it_ends_the_whole_family(tmp_path: Path) -> None:
    family: list[int] = []

    def on_line(line: str) -> None:
        if line:
            family.append(int(line))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(FAMILY, on_line, tmp_path)

    assert len(family) == 1
    assert gone_within(5, *family)


def test_its_output_ends_with_the_child_though_a_grandchild_holds_the_pipe(
    tmp_path: Path,
) -> None:
    lines: list[str] = []
    assert run(FAMILY.removesuffix(WAIT), lines.append, tmp_path) == 0

    assert gone_within(5, int(lines[0]))


def test_the_minder_ends_the_family_when_the_launcher_is_killed(
    tmp_path: Path,
) -> None:
    """Neither the child nor the grandchild is told by anybody else."""
    code = (
        "import os, sys, time; from pathlib import Path\n"
        "from inference.engine import child, serve\n"
        "child.dies_with_parent = lambda name: ()\n"
        f"family = child.start([sys.executable, '-c', {FAMILY!r}],"
        " environment=os.environ, folder=Path(sys.argv[1]))\n"
        "minder = serve._start_minder(family.pid)\n"
        "print(family.pid, minder.pid, family.stdout.readline(), flush=True)\n"
        "time.sleep(600)\n"
    )
    launcher = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        stdout=subprocess.PIPE,
        cwd=REPOSITORY,
    )
    assert launcher.stdout
    leader, minder, grandchild = map(int, launcher.stdout.readline().split())
    assert alive(leader)
    assert alive(grandchild)

    launcher.send_signal(signal.SIGKILL)
    launcher.wait()
    launcher.stdout.close()

    assert gone_within(8, leader, grandchild, minder)
