from pathlib import Path

import pytest

from inference.engine.failure import EngineError
from inference.engine.settings import REPOSITORY, read_settings


def test_it_works() -> None:
    settings = read_settings({"TOKENFAB_HOME": "/state", "ENGINE_KEY": "k"})

    assert settings.venv == REPOSITORY / ".venv-engine"
    assert settings.socket == Path("/state/run/engine.sock")
    assert settings.progress_file == Path("/state/run/engine_progress.json")
    assert settings.models == Path("/state/models")
    assert settings.served_model_name == "smollm2-135m-instruct"
    assert (settings.key, settings.context_tokens) == ("k", 4096)


def test_a_given_model_is_served_under_its_last_part() -> None:
    settings = read_settings({"MODEL": "Qwen/Qwen3-0.6B"})

    assert settings.model == "Qwen/Qwen3-0.6B"
    assert settings.served_model_name == "qwen3-0.6b"


def test_a_path_is_made_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "My-Model").mkdir()
    monkeypatch.chdir(tmp_path)

    settings = read_settings({"MODEL": "My-Model/"})

    assert settings.model == str(tmp_path / "My-Model")
    assert settings.served_model_name == "my-model"


def test_it_refuses_a_model_that_is_not_there() -> None:
    with pytest.raises(EngineError, match="no such folder"):
        read_settings({"MODEL": "/nowhere/model"})


def test_the_key_may_lie_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("secret\n")

    assert read_settings({"ENGINE_KEY_FILE": str(file)}).key == "secret"


def test_further_arguments_are_split_like_a_shell_does() -> None:
    given = {"ENGINE_ARGUMENTS": "--seed 7 --override '{\"a\": 1}'"}

    assert read_settings(given).arguments == ("--seed", "7", "--override", '{"a": 1}')


def test_it_refuses_a_socket_path_that_no_kernel_takes() -> None:
    with pytest.raises(EngineError, match="shorter ENGINE_SOCKET"):
        read_settings({"ENGINE_SOCKET": f"/{'x' * 200}"})


@pytest.mark.parametrize("given", ["0", "-1", "many"])
def test_it_refuses_a_context_that_is_no_number(given: str) -> None:
    with pytest.raises(EngineError, match="ENGINE_CONTEXT_TOKENS"):
        read_settings({"ENGINE_CONTEXT_TOKENS": given})


@pytest.mark.parametrize("given", ["0", "101", "-1", "half"])
def test_it_refuses_a_share_of_leases_that_is_none(given: str) -> None:
    with pytest.raises(EngineError, match="LEASE_TENANT_PERCENT"):
        read_settings({"LEASE_TENANT_PERCENT": given})


def test_an_engine_is_named_by_its_socket_or_its_id() -> None:
    named = {"ENGINE_SOCKET": "/run/e.sock"}
    assert read_settings(named).engine_id == "unix:/run/e.sock"
    assert read_settings(named | {"ENGINE_ID": "gpu-1"}).engine_id == "gpu-1"
