import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from inference.engine import leftovers

SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]


@pytest.fixture
def leftover(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(SLEEP, cwd=tmp_path) as process:
        yield process
        process.kill()


def test_it_works(leftover: subprocess.Popen[bytes], tmp_path: Path) -> None:
    assert leftovers.kill(tmp_path) == [leftover.pid]

    assert leftover.wait(timeout=30) == -9
    assert leftovers.find(tmp_path) == []


def test_it_spares_whoever_works_elsewhere(
    leftover: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()

    assert leftovers.kill(elsewhere) == []
    assert leftover.poll() is None


def test_it_spares_a_shell_that_happens_to_stand_there(tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "600"], cwd=tmp_path) as shell:
        assert leftovers.kill(tmp_path) == []
        assert shell.poll() is None
        shell.kill()
