from inference.engine.engine_log import cause

CORE = "(EngineCore pid=1) ERROR 11-21 03:39:56 [core.py:133] "


def test_it_works() -> None:
    lines = [
        "INFO all is well",
        f"{CORE}torch.OutOfMemoryError: 3 GiB too few",
        "RuntimeError: Engine core initialization failed. See root cause above.",
    ]

    assert cause(lines) == "torch.OutOfMemoryError: 3 GiB too few"


def test_the_last_error_is_the_one() -> None:
    said = ["ValueError: first", "OSError: [Errno 98] Address already in use"]

    assert cause(said) == "OSError: [Errno 98] Address already in use"


def test_no_error_is_no_cause() -> None:
    assert cause(["INFO bye"]) == ""
