"""Long histories of calls, deaths and counts: what Valkey says is what was used."""

import pytest

from billing.domain.spend_counters import UNSURE_KEY
from billing.services.spend.doubt_money import doubt_money
from tests.billing.money_history import History, playing, walk

pytestmark = pytest.mark.django_db


@pytest.fixture
def start(valkey, tmp_path, settings):
    with playing(History, valkey=valkey, root=tmp_path, settings=settings) as begin:
        yield begin


@pytest.mark.parametrize("seed", range(6))
def test_it_works(start, seed):
    """litellm#6895, litellm#27989, litellm#11334: spend is dropped where things die.

    Whatever the order of calls, deaths of proxies, shipping and counting: never is less
    counted than used, and in the end exactly that.
    """
    history = start(seed)
    calls = {history.admit: 6, history.end: 5, history.settle: 5}
    walk(history, {**calls, history.die: 1, history.ship: 4, history.count: 4})

    history.settle_everything()
    history.count()
    history.count()

    history.check_counters()
    assert history.valkey.scard(UNSURE_KEY) == 0


@pytest.mark.parametrize("seed", range(6))
def test_it_works_when_valkey_forgets(start, seed):
    """The same, with a Valkey that comes back without its last second."""
    history = start(100 + seed)
    calls = {history.admit: 6, history.end: 5, history.settle: 5, history.die: 1}
    walk(history, {**calls, history.restart: 1, history.ship: 4, history.count: 6})

    history.settle_everything()
    doubt_money()
    history.count()
    history.count()

    history.check_counters()
