"""The real venv and the real pip, with wheels made here and no index."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from inference.engine.failure import EngineError
from inference.engine.install import (
    CPU,
    CUDA,
    STAMP,
    Build,
    install,
    is_installed,
    site_packages,
    stamp_of,
)
from inference.engine.settings import REPOSITORY, Settings

MakeBuild = Callable[..., Build]
pytestmark = pytest.mark.slow  # each makes an environment with pip in it


@pytest.fixture(autouse=True)
def _only_our_wheels(monkeypatch: pytest.MonkeyPatch, wheels: Path) -> None:
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))


def silent(_fraction: float, _message: str) -> None: ...


def test_it_works(engine_settings: Settings, make_build: MakeBuild) -> None:
    build = make_build("alpha", "beta")
    told: list[tuple[float, str]] = []
    assert not is_installed(engine_settings, build)

    install(engine_settings, build, lambda *said: told.append(said))

    assert is_installed(engine_settings, build)
    assert _imports(engine_settings, "alpha", "beta")
    assert [fraction for fraction, _ in told] == sorted(f for f, _ in told)
    assert told[-1][0] > 0.5


def test_twice_is_once(engine_settings: Settings, make_build: MakeBuild) -> None:
    build = make_build("alpha")
    install(engine_settings, build, silent)
    module = site_packages(engine_settings.venv) / "alpha.py"
    before = module.stat()

    install(engine_settings, build, silent)

    assert module.stat() == before


def test_it_finishes_what_was_killed_in_the_middle(
    engine_settings: Settings, make_build: MakeBuild
) -> None:
    """As a kill -9 leaves it: one package without its end, and no stamp."""
    build = make_build("alpha", "beta")
    install(engine_settings, build, silent)
    packages = site_packages(engine_settings.venv)
    (engine_settings.venv / STAMP).unlink()
    (packages / "beta.py").write_text("")
    (packages / "beta-1.0.dist-info" / "RECORD").write_text("beta.py,,\n")
    kept = (packages / "alpha.py").stat()

    assert not is_installed(engine_settings, build)
    install(engine_settings, build, silent)

    assert (packages / "beta.py").read_text() == "WHOLE = True\n"
    assert (packages / "alpha.py").stat() == kept
    assert is_installed(engine_settings, build)


def test_a_changed_list_makes_it_anew(
    engine_settings: Settings, make_build: MakeBuild
) -> None:
    install(engine_settings, make_build("alpha"), silent)

    build = make_build("beta")
    assert not is_installed(engine_settings, build)
    install(engine_settings, build, silent)

    assert _imports(engine_settings, "beta")
    assert not _imports(engine_settings, "alpha")


def test_killed_at_any_moment_it_is_never_taken_for_whole(
    engine_settings: Settings, make_build: MakeBuild
) -> None:
    build = make_build("alpha", "beta", "gamma")
    for moment in (0.2, 1.5, 3.0):
        process = _install_in_a_process(engine_settings, build)
        time.sleep(moment)  # the moment is the point of the test
        process.kill()
        process.wait()
        if is_installed(engine_settings, build):
            assert _imports(engine_settings, "alpha", "beta", "gamma")

    install(engine_settings, build, silent)

    assert _imports(engine_settings, "alpha", "beta", "gamma")


def test_it_refuses_a_package_that_is_not_the_locked_one(
    engine_settings: Settings, make_build: MakeBuild, wheels: Path
) -> None:
    build = make_build("alpha")
    wheel = wheels / "alpha-1.0-py3-none-any.whl"
    wheel.write_bytes(wheel.read_bytes() + b"tampered")

    with pytest.raises(EngineError, match="is not the one that was locked"):
        install(engine_settings, build, silent)

    assert not is_installed(engine_settings, build)


def test_it_refuses_a_disk_that_is_too_small(
    engine_settings: Settings, make_build: MakeBuild
) -> None:
    build = make_build("alpha", bytes_needed=10**18)

    with pytest.raises(EngineError, match=r"needs 1000000000 GB .* ENGINE_VENV"):
        install(engine_settings, build, silent)

    assert not engine_settings.venv.exists()


def test_it_refuses_without_the_cpu_build_of_torch(
    engine_settings: Settings, make_build: MakeBuild, tmp_path: Path
) -> None:
    lock = tmp_path / "torch.txt"
    lock.write_text(f"torch==2.13.0+cpu --hash=sha256:{'0' * 64}\n")
    build = make_build("alpha", lock=lock)

    with pytest.raises(EngineError, match="PIP_EXTRA_INDEX_URL"):
        install(engine_settings, build, silent)


def test_it_refuses_without_a_network(
    engine_settings: Settings,
    make_build: MakeBuild,
    monkeypatch: pytest.MonkeyPatch,
    wheels: Path,
) -> None:
    build = make_build("alpha")
    (wheels / "alpha-1.0-py3-none-any.whl").unlink()
    monkeypatch.delenv("PIP_NO_INDEX")
    # Nobody listens on port 9 of this machine.
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "1")

    with pytest.raises(EngineError, match="check the network"):
        install(engine_settings, build, silent)


@pytest.mark.parametrize("build", [CPU, CUDA], ids=lambda build: build.name)
def test_the_lists_are_hashed_and_name_no_address(build: Build) -> None:
    text = build.lock.read_text()

    assert "://" not in text
    assert stamp_of(build).startswith(build.name)
    pinned = [line for line in text.splitlines() if "==" in line]
    assert len(pinned) > 100
    assert all(line.endswith("\\") for line in pinned)


def _imports(settings: Settings, *names: str) -> bool:
    code = f"import {', '.join(names)}"
    python = settings.venv / "bin" / "python"
    done = subprocess.run([python, "-c", code], capture_output=True, check=False)
    return done.returncode == 0


def _install_in_a_process(settings: Settings, build: Build) -> subprocess.Popen[bytes]:
    code = (
        "import sys; from pathlib import Path; from dataclasses import replace\n"
        "from inference.engine.install import CPU, install\n"
        "from inference.engine.settings import read_settings\n"
        "build = replace(CPU, lock=Path(sys.argv[3]), bytes_needed=1,"
        " needs_shim=False)\n"
        "settings = read_settings({'TOKENFAB_HOME': sys.argv[1],"
        " 'ENGINE_VENV': sys.argv[2]})\n"
        "install(settings, build, lambda *said: None)\n"
    )
    arguments = (str(settings.home), str(settings.venv), str(build.lock))
    return subprocess.Popen([sys.executable, "-c", code, *arguments], cwd=REPOSITORY)
