import os
import subprocess
import sys

import pytest

from config.supervisor import lock


def test_it_works(tmp_path):
    with lock.held(tmp_path):
        assert lock.holder(tmp_path) == os.getpid()
    assert lock.holder(tmp_path) is None


def test_it_refuses_a_second_holder_and_names_the_first(tmp_path):
    refused = pytest.raises(lock.AlreadyRunningError)
    with lock.held(tmp_path), refused as refusal, lock.held(tmp_path):
        pass
    assert refusal.value.pid == os.getpid()


def test_a_killed_holder_locks_nobody_out(tmp_path):
    code = (
        "import os, pathlib, signal, sys; from config.supervisor import lock\n"
        "with lock.held(pathlib.Path(sys.argv[1])): os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert (tmp_path / "supervisor.lock").read_text().strip()
    assert lock.holder(tmp_path) is None
    with lock.held(tmp_path):
        pass


def test_nobody_holds_a_folder_that_was_never_used(tmp_path):
    assert lock.holder(tmp_path) is None
