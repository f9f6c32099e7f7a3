"""Given a whole Tokenfab under load, when each of its processes is killed with SIGKILL
once and the supervisor is started again, then every answer that a client saw whole is
charged once, with the tokens and the cost that it said; nobody's money is overdrawn,
and the counters that limits are decided by equal the sum of the usage events.

`make chaos` is the long form, with 200 kills.
"""

import os
import random
from pathlib import Path

import pytest

from benchmarks.chaos.killing import KINDS
from benchmarks.chaos.report import lines, problems
from benchmarks.chaos.run import run

SEED = int(os.environ.get("SEED", "0")) or random.SystemRandom().randrange(1, 10**6)


@pytest.mark.slow("starts a whole Tokenfab and kills all of it: about 45 seconds")
def test_nothing_is_lost_doubled_or_overdrawn(tmp_path: Path, capsys):
    said: list[str] = []
    outcome = run(tmp_path / "state", seed=SEED, kills=len(KINDS), say=said.append)
    with capsys.disabled():
        print("\n".join(lines(outcome, seed=SEED)))  # noqa: T201 - the point of it
    assert {one.kind for one in outcome.kills} == set(KINDS)
    assert problems(outcome) == []
