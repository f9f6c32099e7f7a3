import pytest

from inference.errors import InvalidEngineError
from inference.models import Engine, EngineState
from inference.services.register_engine import register_engine
from inference.wire import SNAPSHOT_KIND
from tests.factories import make_engine, make_served_model
from tests.parallel import in_parallel
from tests.published import published


@pytest.mark.django_db(transaction=True)
def test_it_works(valkey):
    model = make_served_model()

    engine = register_engine(
        served_model=model, address="unix:/run/e.sock", name="local", is_simulator=True
    )

    engine.refresh_from_db()
    assert (engine.name, engine.address) == ("local", "unix:/run/e.sock")
    assert (engine.is_simulator, engine.is_draining) == (True, False)
    assert engine.state == EngineState.STARTING
    (route,) = published(valkey, SNAPSHOT_KIND).items
    assert [one["address"] for one in route["engines"]] == ["unix:/run/e.sock"]


@pytest.mark.django_db
def test_without_a_name_it_is_named_after_its_address():
    engine = register_engine(
        served_model=make_served_model(), address="http://10.0.0.5:8000/"
    )

    assert (engine.name, engine.address) == ("10-0-0-5-8000", "http://10.0.0.5:8000")


@pytest.mark.django_db
def test_again_it_is_the_same_engine_and_keeps_its_state():
    model = make_served_model()
    engine = make_engine(
        served_model=model,
        address="unix:/run/e.sock",
        state=EngineState.READY,
        is_draining=True,
    )

    again = register_engine(served_model=model, address="unix:/run/e.sock")

    assert again == engine
    assert again.name == engine.name
    assert again.state == EngineState.READY
    assert not again.is_draining


@pytest.mark.django_db
def test_a_named_engine_moves_and_starts_anew():
    model = make_served_model()
    engine = make_engine(served_model=model, name="local", address="unix:/old.sock")

    moved = register_engine(served_model=model, address="unix:/new.sock", name="local")

    assert moved == engine
    assert (moved.address, moved.state) == ("unix:/new.sock", EngineState.STARTING)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("valkey")
def test_parallel_calls_make_one_engine():
    model = make_served_model()

    engines = in_parallel(
        *[lambda: register_engine(served_model=model, address="unix:/run/e.sock")] * 4
    )

    assert len({engine.pk for engine in engines}) == 1 == Engine.objects.count()


@pytest.mark.django_db
def test_it_refuses_what_is_no_address():
    model = make_served_model()

    with pytest.raises(InvalidEngineError, match="write unix:"):
        register_engine(served_model=model, address="https://engine")

    assert not Engine.objects.exists()
