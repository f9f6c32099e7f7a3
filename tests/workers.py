"""How a parallel run (`pytest -n 2 --dist loadfile`) deals out the tests."""

import pytest
from xdist.scheduler import LoadFileScheduling

ENGINE = "engine"
ENGINE_FILES = (
    "tests/engine_contract/",
    "tests/inference/engine/test_real_engine.py",
    "tests/metering/proxy/test_reconciliation.py",
    "tests/scenarios/test_a_stranger_becomes_a_tenant.py",
)
LONG = ("engine", "slow", "browser")


class Scheduling(LoadFileScheduling):  # type: ignore[misc]  # xdist is untyped
    """A file stays whole, for what its module shares. Whatever starts the real engine
    goes to one worker: two at once would starve each other.
    """

    def _split_scope(self, nodeid: str) -> str:
        return scope(nodeid)


def scope(nodeid: str) -> str:
    return ENGINE if nodeid.startswith(ENGINE_FILES) else nodeid.partition("::")[0]


def check_engine_files(items: list[pytest.Item]) -> None:
    """Raises UsageError for a file that would start a second engine."""
    for item in items:
        if item.get_closest_marker(ENGINE) and scope(item.nodeid) != ENGINE:
            message = (
                f"{item.nodeid} needs the engine: add its file to tests/workers.py"
            )
            raise pytest.UsageError(message)


def put_long_files_first(items: list[pytest.Item]) -> None:
    """Lest a worker begins a long one when the others are done."""
    long = {item.path for item in items if any(map(item.get_closest_marker, LONG))}
    items.sort(key=lambda item: (scope(item.nodeid) != ENGINE, item.path not in long))
