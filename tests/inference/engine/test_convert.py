"""The conversion itself runs with the real engine; here is what guards it."""

import hashlib
from pathlib import Path

import pytest

from inference.engine.convert import (
    GGUF,
    check_sha256,
    convert,
    converted_model,
    is_converted,
)
from inference.engine.failure import EngineError
from inference.engine.install import site_packages
from inference.engine.settings import Settings


def silent(_fraction: float, _message: str) -> None: ...


def test_it_accepts_the_known_weights(tmp_path: Path) -> None:
    file = tmp_path / "weights"
    file.write_bytes(b"weights")

    check_sha256(file, hashlib.sha256(b"weights").hexdigest())


def test_it_refuses_weights_that_are_not_the_known_ones(
    engine_settings: Settings,
) -> None:
    gguf = site_packages(engine_settings.venv) / GGUF
    gguf.parent.mkdir(parents=True)
    gguf.write_bytes(b"GGUF, but not ours")

    with pytest.raises(EngineError, match="is not the model that it should be"):
        convert(engine_settings, silent)

    assert not is_converted(engine_settings)


def test_it_refuses_without_weights(engine_settings: Settings) -> None:
    with pytest.raises(EngineError, match="weights are missing"):
        convert(engine_settings, silent)


def test_a_draft_is_not_a_model(engine_settings: Settings) -> None:
    (engine_settings.models / ".draft-1").mkdir(parents=True)

    assert not is_converted(engine_settings)
    converted_model(engine_settings).mkdir()
    assert is_converted(engine_settings)
