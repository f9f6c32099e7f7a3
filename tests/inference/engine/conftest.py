"""Settings of an engine that lives in a test's own folder, and tiny real wheels."""

import hashlib
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from inference.engine.install import CPU, Build
from inference.engine.settings import Settings, read_settings


@pytest.fixture
def engine_settings(tmp_path: Path) -> Settings:
    return read_settings(
        {
            "TOKENFAB_HOME": str(tmp_path / "home"),
            "ENGINE_VENV": str(tmp_path / "venv"),
            "ENGINE_SOCKET": "/tmp/engine-of-a-test.sock",  # noqa: S108 - never bound
            "ENGINE_KEY": "engine-key",
        }
    )


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """For unix sockets, whose paths must be short."""
    with tempfile.TemporaryDirectory(prefix="tf-") as name:
        yield Path(name)


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    folder = tmp_path / "wheels"
    folder.mkdir()
    return folder


@pytest.fixture
def make_build(tmp_path: Path, wheels: Path) -> Callable[..., Build]:
    """A hashed list of wheels made here, which the real pip installs."""

    def make(*names: str, **changes: object) -> Build:
        lock = tmp_path / f"{'-'.join(names)}.txt"
        lock.write_text("".join(_locked(_wheel(wheels, name)) for name in names))
        small = replace(CPU, lock=lock, bytes_needed=1, needs_shim=False)
        return replace(small, **changes)  # type: ignore[arg-type]

    return make


def _locked(wheel: Path) -> str:
    name = wheel.name.partition("-")[0]
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    return f"{name}==1.0 \\\n    --hash=sha256:{digest}\n"


def _wheel(folder: Path, name: str) -> Path:
    path = folder / f"{name}-1.0-py3-none-any.whl"
    info = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(f"{name}.py", "WHOLE = True\n")
        wheel.writestr(
            f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
        )
        wheel.writestr(
            f"{info}/WHEEL",
            "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\n"
            "Tag: py3-none-any\n",
        )
        wheel.writestr(f"{info}/RECORD", f"{name}.py,,\n{info}/RECORD,,\n")
    return path
