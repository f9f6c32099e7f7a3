import msgspec
import pytest
from django.db import IntegrityError

from inference.models import EngineState, ServedModel
from inference.services.publish_routes import publish_routes, read_routes
from inference.wire import SNAPSHOT_KIND, EngineAddress, Route, Task
from tests.factories import make_engine, make_served_model
from tests.published import published


@pytest.mark.django_db(transaction=True)
def test_it_works(valkey):
    model = make_served_model()
    engine = make_engine(served_model=model, name="local", address="unix:/run/e.sock")

    version = publish_routes()

    snapshot = published(valkey, SNAPSHOT_KIND)
    assert snapshot.version == version
    assert msgspec.convert(snapshot.items, list[Route]) == [
        Route(
            model="smollm2-135m-instruct",
            is_default=True,
            context_tokens=4096,
            created_at=int(model.created_at.timestamp()),
            engines=(
                EngineAddress(
                    engine_id=engine.pk, name="local", address="unix:/run/e.sock"
                ),
            ),
            task=Task.GENERATE,
            tokenizer_folder=None,
        )
    ]


@pytest.mark.django_db
def test_the_proxy_learns_what_a_model_does_and_where_its_tokenizer_lies():
    model = make_served_model(name="drawer", is_default=False)
    model.task, model.tokenizer_folder = Task.IMAGE, "/models/drawer"
    model.save()
    make_engine(served_model=model)

    (route,) = read_routes()

    assert (route.task, route.tokenizer_folder) == (Task.IMAGE, "/models/drawer")


@pytest.mark.django_db
def test_every_state_is_listed_and_the_ready_come_first():
    model = make_served_model()
    for state in ("unreachable", "starting", "ready"):
        make_engine(served_model=model, name=state, state=EngineState(state))

    (route,) = read_routes()

    names = [engine.name for engine in route.engines]
    assert names == ["ready", "unreachable", "starting"]


@pytest.mark.django_db
def test_a_draining_engine_is_left_out_and_its_model_stays():
    make_engine(is_draining=True)

    (route,) = read_routes()

    assert route.engines == ()


@pytest.mark.django_db
def test_a_model_that_no_engine_ever_served_is_unknown():
    make_served_model(name="forgotten", is_default=False)

    assert read_routes() == []


@pytest.mark.django_db
def test_it_asks_twice_however_many_there_are(django_assert_num_queries):
    for number in range(3):
        model = make_served_model(name=f"model-{number}", is_default=number == 0)
        for _ in range(2):
            make_engine(served_model=model)

    with django_assert_num_queries(2):
        routes = read_routes()

    assert [len(route.engines) for route in routes] == [2, 2, 2]
    assert [route.is_default for route in routes] == [True, False, False]


@pytest.mark.django_db
def test_the_database_refuses_a_second_default():
    make_served_model()

    with pytest.raises(IntegrityError, match="one_default_served_model"):
        make_served_model(name="another")
    assert ServedModel._meta.get_field("is_default").default is False
