from io import StringIO

import pytest
import redis
from django.core.management import CommandError, call_command

from inference.models import Engine, ServedModel
from inference.wire import SNAPSHOT_KIND
from tests.factories import make_engine, make_served_model
from tests.published import published

pytestmark = pytest.mark.django_db(transaction=True)

ADDRESS = "http://10.0.0.7:8000"
NEW = ("--task", "embed", "--context-tokens", "512")


def register(*arguments: str) -> str:
    output = StringIO()
    call_command("register_engine", *arguments, stdout=output)
    return output.getvalue()


def test_it_works(valkey):
    make_engine(name="local")

    for _ in range(2):
        said = register(ADDRESS, "--model", "embedder", *NEW)

    model = ServedModel.objects.get(name="embedder")
    assert (model.task, model.context_tokens) == ("embed", 512)
    assert not model.is_default
    assert ServedModel.objects.filter(is_default=True).exists()
    routes = {one["model"]: one for one in published(valkey, SNAPSHOT_KIND).items}
    (engine,) = routes["embedder"]["engines"]
    assert (engine["name"], engine["address"]) == ("10-0-0-7-8000", ADDRESS)
    assert routes["embedder"]["task"] == "embed"
    assert "embedder is served by http://10.0.0.7:8000" in said
    assert "set_price" in said


@pytest.mark.usefixtures("valkey")
def test_a_known_model_keeps_what_is_not_given():
    register(ADDRESS, "--model", "painter", "--task=image", "--context-tokens=77")
    register("http://10.0.0.8:8000", "--model", "painter", "--title", "The painter")

    model = ServedModel.objects.get()
    assert (model.task, model.context_tokens) == ("image", 77)
    assert model.title == "The painter"
    assert model.engines.count() == 2


@pytest.mark.usefixtures("valkey")
def test_it_stays_when_the_default_engines_are_registered_again(settings):
    settings.ENGINE_URLS = ()
    settings.ENGINE_ADDRESSES = ("unix:/run/engine.sock",)
    call_command("register_default_engine", "--simulator", stdout=StringIO())
    register(ADDRESS, "--model", "embedder", *NEW)

    for model in ("smollm2-135m-instruct", "another"):
        call_command(
            "register_default_engine", "--simulator", model=model, stdout=StringIO()
        )
        assert not Engine.objects.get(address=ADDRESS).is_draining


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((ADDRESS, "--model", "new"), "its task and its context are needed"),
        ((ADDRESS, "--model", "new", "--task", "embed"), "are needed"),
        ((ADDRESS, "--model", "new", "--task", "sing"), "invalid"),
        ((ADDRESS, "--model", "old", "--task", "embed"), "is known to generate"),
        (("10.0.0.7:8000", "--model", "new", *NEW), "10.0.0.7:8000"),
        ((ADDRESS, "--model", "default", *NEW), "default"),
        ((ADDRESS, "--model", "new", *NEW, "--name", "a b"), "an engine's name"),
        (("unix:/run/e.sock", "--model", "new", *NEW), "serves old. Drain it"),
        ((ADDRESS, "--model", "new", *NEW, "--name", "local"), "serves old. Drain it"),
    ],
)
def test_it_refuses_and_changes_nothing(arguments, said):
    old = make_served_model(name="old")
    make_engine(served_model=old, name="local", address="unix:/run/e.sock")

    with pytest.raises(CommandError, match=said):
        register(*arguments)

    assert ServedModel.objects.get() == old
    assert Engine.objects.get().address == "unix:/run/e.sock"


def test_it_refuses_to_look_well_when_the_data_plane_never_hears_of_it(settings):
    settings.VALKEY_URL = "redis://127.0.0.1:1"
    with pytest.raises(redis.ConnectionError):
        register(ADDRESS, "--model", "embedder", *NEW)
