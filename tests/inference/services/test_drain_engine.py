import pytest

from inference.errors import EngineNotFoundError
from inference.services.drain_engine import drain_engine
from inference.wire import SNAPSHOT_KIND
from tests.factories import make_engine
from tests.published import published


@pytest.mark.django_db(transaction=True)
def test_it_works(valkey):
    engine = make_engine(is_draining=False)

    for _ in range(2):  # twice is harmless
        drain_engine(engine_id=engine.pk)

    engine.refresh_from_db()
    assert engine.is_draining is True
    assert len(published(valkey, SNAPSHOT_KIND).items[0]["engines"]) == 0


@pytest.mark.django_db
def test_it_refuses_an_engine_that_is_not_there():
    engine = make_engine(is_draining=False)

    with pytest.raises(EngineNotFoundError):
        drain_engine(engine_id=engine.pk + 1)

    engine.refresh_from_db()
    assert engine.is_draining is False
