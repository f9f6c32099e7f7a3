from collections.abc import Iterator

import pytest

from tests.running import RunningTokenfab
from tests.scenarios.leased_talk import Tenant, running_on_a_simulator


@pytest.fixture(scope="module")
def tokenfab(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[RunningTokenfab]:
    """With a simulated engine; stories of another one start their own."""
    with running_on_a_simulator(tmp_path_factory.mktemp("state")) as running:
        yield running


@pytest.fixture
def stranger(tokenfab: RunningTokenfab) -> Iterator[Tenant]:
    made = Tenant(tokenfab, "Stranger")
    with made.client:
        yield made
