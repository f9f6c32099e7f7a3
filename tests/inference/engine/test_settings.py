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


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("Qwen/Qwen3-0.6B", "qwen3-0.6b"),
        ("/models/My-Model/", "my-model"),
    ],
)
def test_a_given_model_is_served_under_its_last_part(model, name) -> None:
    assert read_settings({"MODEL": model}).served_model_name == name


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
