"""The family of real vLLM's processes, under every kind of death.

Slow: each test loads the model at least once.
"""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from inference.engine import leftovers
from tests.engine_contract.vllm_fixture import (
    engine_in,
    launch,
    progress_in,
    require_vllm,
    wait_until_ready,
)

pytestmark = [pytest.mark.engine, pytest.mark.slow]
GONE_SECONDS_MAX = 8.0


@pytest.fixture(autouse=True)
def _vllm() -> None:
    require_vllm()


@pytest.fixture
def launcher(short_folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    process = launch(short_folder)
    yield process
    if process.poll() is None:
        process.terminate()
    process.wait(timeout=GONE_SECONDS_MAX)
    leftovers.kill(work_folder(short_folder))


def work_folder(folder: Path) -> Path:
    return folder / "engine.sock.work"


def family(folder: Path) -> list[int]:
    return leftovers.find(work_folder(folder))


def wait_for(condition, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def named(pids: list[int], title: str) -> list[int]:
    found = []
    for pid in pids:
        with contextlib.suppress(OSError):
            if title in Path(f"/proc/{pid}/cmdline").read_text():
                found.append(pid)
    return found


def kill(*pids: int) -> None:
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


def children(pid: int) -> list[int]:
    return list(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))


def test_a_killed_launcher_leaves_nobody(
    launcher: subprocess.Popen[bytes], short_folder: Path
) -> None:
    """Killed while vLLM loads, when its engine core process is there already."""
    assert wait_for(lambda: len(named(family(short_folder), "VLLM::")) == 2, 120)

    launcher.kill()
    launcher.wait()

    assert wait_for(lambda: not family(short_folder), GONE_SECONDS_MAX)


def test_the_next_start_clears_away_what_outlived_everybody(
    launcher: subprocess.Popen[bytes], short_folder: Path
) -> None:
    wait_until_ready(launcher, short_folder)
    assert progress_in(short_folder)["model"] == "smollm2-135m-instruct"

    kill(*children(launcher.pid), launcher.pid)
    launcher.wait()
    orphans = named(family(short_folder), "VLLM::")
    assert len(orphans) == 2, "vLLM now ends its own family: the minder may go."

    (short_folder / "engine_progress.json").unlink()
    second = launch(short_folder)
    try:
        wait_until_ready(second, short_folder)
        assert not set(orphans) & set(family(short_folder))
        answer = engine_in(short_folder, second.pid).chat(
            "What is the capital of France?", temperature=0
        )
        assert "Paris" in answer["choices"][0]["message"]["content"]

        kill(*named(family(short_folder), "VLLM::EngineCore"))

        assert second.wait(timeout=30) == 1
        told = progress_in(short_folder)
        assert told["state"] == "failed"
        assert str(told["error"]).startswith("vLLM ")
        assert wait_for(lambda: not family(short_folder), GONE_SECONDS_MAX)
        assert not (short_folder / "engine.sock").exists()
    finally:
        second.kill()
        second.wait()
