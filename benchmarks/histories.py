"""More random histories of billing than the suite walks through:
`python -m benchmarks.billing histories --count 1000 --seed 7`.
"""

import argparse
import os
import subprocess
import sys

_SECONDS_MAX = 3600
_TESTS = "tests/billing/test_histories.py"


def main(arguments: list[str]) -> int:
    """The exit status: 0 if all books agreed after every act."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    wanted = parser.parse_args(arguments)
    command = [
        *(sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider"),
        *(f"--hypothesis-seed={wanted.seed}", _TESTS),
    ]
    environment = os.environ | {"TOKENFAB_HISTORIES": str(wanted.count)}
    finished = subprocess.run(
        command, check=False, env=environment, timeout=_SECONDS_MAX
    )
    return finished.returncode
