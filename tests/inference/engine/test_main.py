"""`python -m inference.engine` as a process, where it must refuse."""

import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path

from inference.engine.settings import REPOSITORY


def launch(
    folder: Path, *arguments: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Not the machine's configuration: everything below `folder`."""
    given = os.environ | {
        "TOKENFAB_HOME": str(folder),
        "ENGINE_VENV": str(folder / "venv"),
        "ENGINE_SOCKET": str(folder / "engine.sock"),
        "ENGINE_PROGRESS_FILE": str(folder / "progress.json"),
        "ENGINE_KEY": "engine-key",
    }
    return subprocess.run(
        [sys.executable, "-m", "inference.engine", *arguments],
        env=given | environment,
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_it_refuses_what_it_does_not_know(short_folder: Path) -> None:
    done = launch(short_folder, "destroy")

    assert done.returncode == 1
    assert done.stderr.startswith("usage:")


def test_it_refuses_without_an_interpreter_that_fits(short_folder: Path) -> None:
    done = launch(short_folder, ENGINE_PYTHON="/bin/true")

    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "ENGINE_PYTHON" in done.stderr
    told = json.loads((short_folder / "progress.json").read_text())
    assert told["state"] == "failed"
    assert told["error"] == done.stderr.strip()


def test_it_refuses_a_second_engine_on_the_same_socket(short_folder: Path) -> None:
    work = short_folder / "engine.sock.work"
    work.mkdir()
    with (work / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = launch(short_folder)

    assert done.returncode == 1
    assert "Another engine already runs" in done.stderr
    # The progress file is the other one's.
    assert not (short_folder / "progress.json").exists()


def test_it_refuses_a_folder_it_may_not_write(short_folder: Path) -> None:
    (short_folder / "file").write_text("")
    done = launch(short_folder, ENGINE_SOCKET=str(short_folder / "file" / "e.sock"))

    assert done.returncode == 1
    assert "Traceback" not in done.stderr
