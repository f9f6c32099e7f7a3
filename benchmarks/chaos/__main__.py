"""`make chaos`: a whole Tokenfab under load while its processes are killed.

`KILLS` (200) and `SEED` (random, printed) may be set in the environment. The exit
status is 1 when anything was lost, charged twice, overdrawn or billed otherwise than
the client was told.
"""

import os
import random
import shutil
import sys
import tempfile
from pathlib import Path

import msgspec

from benchmarks import report
from benchmarks.chaos.product import NotUpError
from benchmarks.chaos.report import lines, problems
from benchmarks.chaos.run import Outcome, run


def main() -> None:
    kills = int(os.environ.get("KILLS") or 200)
    seed = int(os.environ.get("SEED") or 0) or random.SystemRandom().randrange(1, 10**6)
    print(f"seed {seed}, {kills} kills (SEED={seed} KILLS={kills} make chaos)")
    folder = Path(tempfile.mkdtemp(prefix="tokenfab-chaos-"))
    try:
        outcome = run(folder / "state", seed=seed, kills=kills, say=_say)
    except NotUpError as error:
        sys.exit(f"seed {seed}, see {folder}: {error}")
    text = "\n".join(lines(outcome, seed=seed))
    print(f"\n{text}")
    if wrong := problems(outcome):
        _leave(outcome, folder)
        sys.exit(f"{len(wrong)} things are wrong:\n- " + "\n- ".join(wrong[:50]))
    shutil.rmtree(folder)
    report.keep("chaos", text)


def _leave(outcome: Outcome, folder: Path) -> None:
    """Everything that clients did and when who was killed, beside the state."""
    facts = msgspec.json.encode([outcome.kills, outcome.operations])
    (folder / "run.json").write_bytes(facts)
    print(f"See {folder}: the state, what Tokenfab said, and run.json.")


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    main()
