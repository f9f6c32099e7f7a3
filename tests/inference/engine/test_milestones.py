import pytest

from inference.engine.milestones import MILESTONES, LoadProgress

LINE = "(EngineCore pid=1) INFO 11-21 03:39:56 [core.py:133] "


def test_it_works() -> None:
    load = LoadProgress(expected_seconds=100)
    load.see(f"{LINE}Initializing a V1 LLM engine (v0.32.0) with config: ...")

    assert load.fraction(1) == 0.45
    assert load.message == "vLLM starts its engine core process."


def test_time_fills_the_gap_but_passes_no_milestone() -> None:
    load = LoadProgress(expected_seconds=100)

    assert load.fraction(5) == pytest.approx(0.05)
    assert load.fraction(5000) == MILESTONES[0][1]


def test_the_last_milestone_leaves_the_rest_to_time() -> None:
    load = LoadProgress(expected_seconds=100)
    for words, _, _ in MILESTONES:
        load.see(f"{LINE}{words}")

    assert load.fraction(1) == MILESTONES[-1][1]
    assert load.fraction(5000) == 1.0


def test_milestones_out_of_order_never_take_it_back() -> None:
    load = LoadProgress(expected_seconds=100)
    load.see("KV cache size")
    load.see("non-default args")

    assert load.fraction(0) == 0.78
