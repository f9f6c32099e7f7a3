"""The same cases run against both engines; a difference is fixed in the simulator."""

import uuid
from collections.abc import Callable, Iterator

import pytest

from tests.engine_contract.engines import EngineUnderTest, run_simulator
from tests.engine_contract.lease_engines import run_tiny


@pytest.fixture(scope="session")
def simulator_engine(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[EngineUnderTest]:
    folder = tmp_path_factory.mktemp("simulator")
    # A pace, so that a stream can be left in the middle, and be seen to be.
    with run_simulator(folder, SIMULATOR_TOKENS_PER_SECOND="100") as engine:
        yield engine


@pytest.fixture(scope="session")
def vllm_engine() -> Iterator[EngineUnderTest]:
    # Here and not above: only the cases marked `engine` need it.
    from tests.engine_contract.vllm_fixture import run_vllm  # noqa: PLC0415

    with run_vllm() as engine:
        yield engine


@pytest.fixture(
    scope="session",
    params=["simulator", pytest.param("vllm", marks=pytest.mark.engine)],
)
def engine(request: pytest.FixtureRequest) -> EngineUnderTest:
    found: EngineUnderTest = request.getfixturevalue(f"{request.param}_engine")
    return found


@pytest.fixture(
    scope="session",
    params=["simulator", pytest.param("vllm", marks=pytest.mark.engine)],
)
def leasing(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[EngineUnderTest]:
    """With a small pool, of which half may be leased."""
    with run_tiny(request.param, tmp_path_factory.mktemp("leases")) as engine:
        yield engine


@pytest.fixture
def new_prompt() -> Callable[..., str]:
    """Makes prompts that no engine has seen, of more than two KV blocks."""

    def make(words: int = 80) -> str:
        return f"{uuid.uuid4().hex} " + "tell me of the sea " * (words // 5)

    return make
