import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.engine_contract.engines import EngineUnderTest, run_simulator


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., EngineUnderTest]]:
    """Starts one simulator with the given environment; stopped after the test."""
    with contextlib.ExitStack() as stack:
        yield lambda **environment: stack.enter_context(
            run_simulator(tmp_path, **environment)
        )


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineUnderTest]:
    """A simulator without a pace, and with faults on request."""
    folder = tmp_path_factory.mktemp("engine")
    with run_simulator(folder, SIMULATOR_FAULTS="1") as engine:
        yield engine
