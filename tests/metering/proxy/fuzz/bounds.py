"""How much is tried: `SEED` and `FUZZ_CASES` make a run repeatable, and long."""

import os
import random
from dataclasses import dataclass

_BATCH = 2000


@dataclass(frozen=True)
class Bounds:
    seed: str
    cases: int
    first: int
    """`FUZZ_FIRST`: where to begin, for the one case that a failure named."""

    def dice(self, case: int) -> random.Random:
        """A case is the same in every run with this seed, whatever ran before it."""
        return random.Random(f"{self.seed}:{case}")  # noqa: S311 - repeatable

    def batches(self) -> list[range]:
        """After each one the process is looked at."""
        end = self.first + self.cases
        return [
            range(begin, min(begin + _BATCH, end))
            for begin in range(self.first, end, _BATCH)
        ]


def bounds(*, cases: int) -> Bounds:
    return Bounds(
        seed=os.environ.get("SEED", "1"),
        cases=int(os.environ.get("FUZZ_CASES", cases)),
        first=int(os.environ.get("FUZZ_FIRST", "0")),
    )
