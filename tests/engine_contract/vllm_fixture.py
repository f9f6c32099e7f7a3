"""Real vLLM, started by the launcher as `make up` does it."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from inference.engine.install import choose_build, is_installed
from inference.engine.settings import REPOSITORY, read_settings
from tests.engine_contract.engines import EngineUnderTest

READY_SECONDS_MAX = 300.0
STOP_SECONDS_MAX = 8.0
KEY = "engine-key"


@contextlib.contextmanager
def run_vllm(**variables: str) -> Iterator[EngineUnderTest]:
    """With further environment `variables` of the launcher.

    Skips, or in CI fails, where `python -m inference.engine prepare` has not run.
    """
    require_vllm()
    # Not pytest's folder: the path of a unix socket must be short.
    with tempfile.TemporaryDirectory(prefix="tf-") as name:
        folder = Path(name)
        process = launch(folder, **variables)
        try:
            wait_until_ready(process, folder)
            yield engine_in(folder, process.pid)
        finally:
            process.send_signal(signal.SIGTERM)
            status = process.wait(timeout=STOP_SECONDS_MAX)
    assert status == 0


def require_vllm() -> None:
    if is_installed(read_settings(), choose_build()):
        return
    reason = "vLLM is not installed: run `python -m inference.engine prepare`."
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def launch(folder: Path, **variables: str) -> subprocess.Popen[bytes]:
    with (folder / "engine.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "inference.engine"],
            env=environment(folder) | variables,
            cwd=REPOSITORY,
            stdout=log,
            stderr=log,
        )


def environment(folder: Path) -> dict[str, str]:
    """State of its own; the converted model is shared with `prepare`."""
    return os.environ | {
        "TOKENFAB_HOME": str(folder),
        "ENGINE_MODELS": os.environ.get("ENGINE_MODELS")
        or str(REPOSITORY / "var" / "models"),
        "ENGINE_SOCKET": str(folder / "engine.sock"),
        "ENGINE_PROGRESS_FILE": str(folder / "engine_progress.json"),
        "ENGINE_KEY": KEY,
        "MODEL": "",
        "SERVED_MODEL_NAME": "",
    }


def engine_in(folder: Path, pid: int) -> EngineUnderTest:
    return EngineUnderTest(
        socket=folder / "engine.sock",
        key=KEY,
        model="smollm2-135m-instruct",
        pid=pid,
    )


def progress_in(folder: Path) -> dict[str, object]:
    """Empty while there is no file yet."""
    try:
        found: dict[str, object] = json.loads(
            (folder / "engine_progress.json").read_text()
        )
    except FileNotFoundError:
        return {}
    return found


def wait_until_ready(process: subprocess.Popen[bytes], folder: Path) -> None:
    deadline = time.monotonic() + READY_SECONDS_MAX
    while progress_in(folder).get("state") != "ready":
        if process.poll() is not None or time.monotonic() > deadline:
            log = (folder / "engine.log").read_text()[-3000:]
            pytest.fail(f"vLLM did not start: {progress_in(folder)}\n{log}")
        time.sleep(0.1)
