from pathlib import Path

from inference.engine.durations import expected_seconds, remember


def test_it_works(tmp_path: Path) -> None:
    guess = expected_seconds(tmp_path, "load")
    remember(tmp_path, "load", guess + 10.04)
    remember(tmp_path, "install", 7)

    assert expected_seconds(tmp_path, "load") == guess + 10
    assert expected_seconds(tmp_path, "install") == 7


def test_a_damaged_memory_is_no_memory(tmp_path: Path) -> None:
    guess = expected_seconds(tmp_path, "load")
    (tmp_path / "durations.json").write_text('{"load": ')

    assert expected_seconds(tmp_path, "load") == guess
