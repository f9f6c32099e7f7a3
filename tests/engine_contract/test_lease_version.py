"""The plugin runs in the vLLM that it was written for, and in no other."""

import os
import subprocess

import pytest

from inference.engine.settings import REPOSITORY, read_settings
from tests.engine_contract.vllm_fixture import require_vllm

pytestmark = pytest.mark.engine


def check(change):
    """In the engine's environment, after something there has changed."""
    require_vllm()
    code = f"from inference.vllm_plugin import engine_hooks as hooks\n{change}\n"
    return subprocess.run(
        [read_settings().venv / "bin" / "python", "-c", f"{code}hooks.check()"],
        env=os.environ | {"PYTHONPATH": str(REPOSITORY), "VLLM_PLUGINS": ""},
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_works():
    found = check("")
    assert found.returncode == 0, found.stderr


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("hooks.version = lambda name: '0.33.1+cpu'", "and this is 0.33.1"),
        (
            "hooks._EXPECTED = {hooks.BlockPool.touch: ('self', 'names')}",
            "BlockPool.touch of this vLLM does not take",
        ),
    ],
)
def test_it_refuses_another_vllm(change, says):
    found = check(change)
    assert "EngineMismatchError" in found.stderr
    assert says in found.stderr
