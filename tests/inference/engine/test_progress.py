import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from inference.engine.progress import (
    HEARTBEAT_SECONDS,
    Progress,
    Step,
    seconds_left_in_step,
    to_file,
)

INSTALL = Step(name="install", state="installing", title="Installing", seconds=60)
LOAD = Step(name="load", state="loading", title="Loading", seconds=40)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def told() -> list[Mapping[str, object]]:
    return []


@pytest.fixture
def progress(clock: Clock, told: list[Mapping[str, object]]) -> Progress:
    return Progress(
        publish=lambda body: told.append(dict(body)),
        model="m",
        steps=[INSTALL, LOAD],
        clock=clock,
    )


def test_it_works(
    progress: Progress, clock: Clock, told: list[Mapping[str, object]]
) -> None:
    progress.begin("install")
    clock.now += 30
    progress.report(0.5, "Half.")

    assert told[-1] == {
        "state": "installing",
        "step": 1,
        "steps": 2,
        "title": "Installing",
        "fraction": 0.5,
        "overall": 0.3,
        "eta_seconds": 70,
        "message": "Half.",
        "error": None,
        "updated_at": 1030.0,
        "model": "m",
        "is_simulator": False,
    }


def test_the_second_step_counts_on_top_of_the_first(
    progress: Progress, told: list[Mapping[str, object]]
) -> None:
    progress.begin("load")
    progress.report(0.5, "Half.")

    assert (told[-1]["state"], told[-1]["step"]) == ("loading", 2)
    assert told[-1]["overall"] == 0.8


def test_a_fraction_never_goes_back(
    progress: Progress, told: list[Mapping[str, object]]
) -> None:
    progress.begin("install")
    progress.report(0.6, "")
    progress.report(0.4, "")

    assert told[-1]["fraction"] == 0.6


def test_ready_and_failed_and_ready_again(
    progress: Progress, told: list[Mapping[str, object]]
) -> None:
    progress.begin("install")
    progress.fail("No network.")
    assert (told[-1]["state"], told[-1]["error"]) == ("failed", "No network.")

    progress.ready()
    assert (told[-1]["state"], told[-1]["error"]) == ("ready", None)
    assert (told[-1]["overall"], told[-1]["eta_seconds"]) == (1.0, 0)


def test_absent_promises_nothing(
    progress: Progress, told: list[Mapping[str, object]]
) -> None:
    progress.ready()
    progress.absent()

    assert (told[-1]["state"], told[-1]["overall"]) == ("absent", 0.0)
    assert told[-1]["eta_seconds"] is None


def test_a_beat_is_new_only_after_a_while(
    progress: Progress, clock: Clock, told: list[Mapping[str, object]]
) -> None:
    progress.ready()
    progress.beat()
    assert len(told) == 1

    clock.now += HEARTBEAT_SECONDS
    progress.beat()
    assert [body["updated_at"] for body in told] == [1000.0, 1005.0]
    assert told[1]["state"] == "ready"


@pytest.mark.parametrize(
    ("elapsed", "fraction", "left"),
    [
        (0, 0.0, 100),  # nothing seen: as long as the last time
        (50, 0.5, 50),  # as expected
        (100, 0.5, 75),  # twice as slow: halfway between memory and pace
        (90, 0.9, 10),
        (100, 1.0, 0),
    ],
)
def test_the_estimate_moves_from_memory_to_pace(elapsed, fraction, left) -> None:
    found = seconds_left_in_step(expected=100, elapsed=elapsed, fraction=fraction)

    assert found == pytest.approx(left)


def test_a_reader_never_sees_half_a_file(tmp_path: Path) -> None:
    file = tmp_path / "run" / "progress.json"
    publish = to_file(file)

    publish({"state": "loading"})
    publish({"state": "ready"})

    assert json.loads(file.read_text()) == {"state": "ready"}
    assert list(file.parent.iterdir()) == [file]
