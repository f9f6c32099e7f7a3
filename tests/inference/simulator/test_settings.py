import pytest

from inference.simulator.settings import read_settings

HERE = {"ENGINE_SOCKET": "/tmp/e.sock"}  # noqa: S108 - never opened


def test_it_works():
    settings = read_settings(HERE)
    assert settings.model == "smollm2-135m-instruct"
    assert settings.context_tokens == 4096
    assert settings.tokens_per_second == 0
    assert not settings.faults


def test_the_key_may_lie_in_a_file(tmp_path):
    file = tmp_path / "key"
    file.write_text("secret\n")
    assert read_settings(HERE | {"ENGINE_KEY_FILE": str(file)}).key == "secret"


@pytest.mark.parametrize(
    ("environment", "reason"),
    [
        ({"ENGINE_SOCKET": ""}, "address"),
        ({"SIMULATOR_BLOCKS": "3"}, "SIMULATOR_BLOCKS=3"),
        ({"SIMULATOR_MAX_NUM_SEQS": "-1"}, "positive"),
        ({"SIMULATOR_TASK": "sing"}, "SIMULATOR_TASK=sing"),
    ],
)
def test_it_refuses_what_cannot_work(environment, reason):
    with pytest.raises(ValueError, match=reason):
        read_settings(HERE | environment)
