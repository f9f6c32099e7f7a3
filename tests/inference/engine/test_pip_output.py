from pathlib import Path

from inference.engine.pip_output import FETCH_SHARE, PipProgress, sentence_for

LOCK = "".join(f"{name}==1.0 \\\n    --hash=sha256:00\n" for name in ("a", "B_b", "c"))
LOG = Path("/log/engine_install.log")


def test_it_works() -> None:
    progress = PipProgress(LOCK)

    progress.see("Collecting a==1.0 (from -r lock.txt (line 1))", 1)
    assert progress.fraction == 0.0
    assert progress.message == "Fetching package 1 of 3: a."

    progress.see("Processing /wheels/b_b-1.0-py3-none-any.whl (from -r x)", 1)
    assert round(progress.fraction, 6) == round(FETCH_SHARE / 3, 6)

    progress.see("Installing collected packages: a, b-b, c", 0)
    assert round(progress.fraction, 6) == FETCH_SHARE

    progress.see("", 3)
    assert progress.fraction == 1.0
    assert progress.message == "Unpacking 3 of 3 packages."


def test_large_downloads_weigh_more() -> None:
    progress = PipProgress("torch==1 \\\na==1 \\\n")

    progress.see("Collecting torch==1", 0)
    progress.see("Collecting a==1", 0)

    assert progress.fraction > 0.9 * FETCH_SHARE


def test_a_package_that_is_named_twice_counts_once() -> None:
    progress = PipProgress(LOCK)
    for _ in range(5):
        progress.see("Collecting a==1.0", 0)
        progress.see("Processing /wheels/a-1.0-py3-none-any.whl", 0)

    assert progress.fraction <= FETCH_SHARE / 3 + 1e-9


def test_a_missing_network_is_not_blamed_on_torch() -> None:
    said = (
        "WARNING: Retrying after connection broken by 'NewConnectionError(...)'\n"
        "ERROR: No matching distribution found for torch==2.13.0+cpu\n"
    )

    assert "network" in sentence_for(said, LOG)


def test_a_full_disk() -> None:
    said = "ERROR: Could not install: [Errno 28] No space left on device\n"

    assert sentence_for(said, LOG).startswith("The disk is full")


def test_anything_else_is_told_as_pip_told_it() -> None:
    assert sentence_for("ERROR: The moon is full\n", LOG) == (
        "pip could not install the engine: The moon is full "
        "(see /log/engine_install.log)."
    )
