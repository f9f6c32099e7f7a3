"""The installer, with a package index that is not there."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from config import install

SCRIPT = Path(install.__file__)


@pytest.fixture
def checkout(tmp_path):
    """A checkout whose only requirement is one small package."""
    (tmp_path / "config").mkdir()
    shutil.copy(SCRIPT, tmp_path / "config")
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements" / "base.txt").write_text(
        "idna==3.10 --hash=sha256:" + "0" * 64 + "\n"
    )
    return tmp_path


def run_install(checkout, **environment):
    return subprocess.run(
        [sys.executable, checkout / "config" / "install.py", "base"],
        env=os.environ | {"PIP_CONFIG_FILE": os.devnull} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow  # makes a real virtual environment
def test_it_says_in_one_sentence_that_the_network_is_down(checkout):
    environment = {"PIP_INDEX_URL": "http://127.0.0.1:1/simple", "PIP_RETRIES": "0"}
    refused = run_install(checkout, **environment)
    assert refused.returncode == 1
    assert refused.stderr == ""
    assert refused.stdout.splitlines()[1:] == [
        (
            "The package index cannot be reached. Nothing was started; pip's own words "
            f"are in {checkout}/.venv/tokenfab-install.log."
        )
    ]


@pytest.mark.parametrize(
    ("output", "sentence"),
    [
        ("OSError: [Errno 28] No space left on device", "The disk is full."),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES", "A downloaded package"),
        ("... Temporary failure in name resolution", "The package index cannot"),
        ("something\nERROR: odd\n", "pip failed (ERROR: odd)"),
        ("", "pip failed (no reason given)"),
    ],
)
def test_it_explains_what_pip_says(output, sentence):
    assert install.explain(output).startswith(sentence)


def test_it_is_fast_when_nothing_has_changed(tmp_path, monkeypatch):
    environment = tmp_path / ".venv"
    (environment / "bin").mkdir(parents=True)
    (environment / "bin" / "python").touch()
    pip = environment / "lib" / "python3" / "site-packages" / "pip"
    pip.mkdir(parents=True)
    (pip / "__main__.py").touch()
    monkeypatch.setattr(install, "ENVIRONMENT", environment)
    monkeypatch.setattr(install, "STAMP", environment / "stamp.json")
    lists = install.REPOSITORY / "requirements"
    digest = hashlib.sha256((lists / "base.txt").read_bytes()).hexdigest()
    install.remember("base", digest)
    install.install("base")  # a pip run would fail: this pip is an empty file
    assert install.installed() == {"base": digest}
