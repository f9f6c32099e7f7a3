from io import StringIO

import pytest
import redis
from django.core.management import CommandError, call_command

from inference.models import Engine, ServedModel
from inference.wire import SNAPSHOT_KIND
from tenants.wire import SNAPSHOT_KIND as KEY_POLICIES
from tests.factories import make_api_key, make_engine, make_served_model
from tests.published import published

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _started_with_one_local_engine(settings):
    settings.ENGINE_URLS = ()
    settings.ENGINE_ADDRESSES = ("unix:/run/engine.sock",)


def register(*arguments):
    output = StringIO()
    call_command("register_default_engine", *arguments, stdout=output)
    return output.getvalue()


def test_it_works(valkey):
    make_api_key()

    for _ in range(2):  # each start runs it
        register("--simulator")

    model, engine = ServedModel.objects.get(), Engine.objects.get()
    assert (model.name, model.title) == (
        "smollm2-135m-instruct",
        "SmolLM2 135M Instruct",
    )
    assert (model.is_default, model.context_tokens) == (True, 4096)
    assert (engine.name, engine.address) == ("local", "unix:/run/engine.sock")
    assert engine.is_simulator
    (route,) = published(valkey, SNAPSHOT_KIND).items
    assert [one["engine_id"] for one in route["engines"]] == [engine.pk]
    assert len(published(valkey, KEY_POLICIES).items) == 1


@pytest.mark.usefixtures("valkey")
def test_it_takes_every_option():
    register(
        *("--address", "http://10.0.0.5:8000", "--name", "big"),
        *("--model", "llama", "--context-tokens", "8192"),
    )

    engine = Engine.objects.get()
    assert (engine.name, engine.address) == ("big", "http://10.0.0.5:8000")
    assert engine.served_model.name == engine.served_model.title == "llama"
    assert engine.served_model.context_tokens == 8192


@pytest.mark.usefixtures("valkey")
def test_our_own_engine_keeps_its_row_when_its_socket_moves(settings):
    register()
    before = Engine.objects.get()
    settings.ENGINE_ADDRESSES = ("unix:/tmp/other/engine.sock",)

    register()

    after = Engine.objects.get()
    assert after.pk == before.pk
    assert after.address == "unix:/tmp/other/engine.sock"


def test_engines_no_longer_given_are_drained(valkey, settings):
    register()
    settings.ENGINE_URLS = ("http://10.0.0.5:8000", "http://10.0.0.6:8000")
    settings.ENGINE_ADDRESSES = settings.ENGINE_URLS

    register()

    assert Engine.objects.get(is_draining=True).name == "local"
    (route,) = published(valkey, SNAPSHOT_KIND).items
    assert [one["address"] for one in route["engines"]] == list(settings.ENGINE_URLS)


def test_another_model_takes_the_default_and_the_engine(valkey):
    register()

    register("--model", "llama")

    assert ServedModel.objects.get(is_default=True).name == "llama"
    routes = published(valkey, SNAPSHOT_KIND).items
    assert [route["model"] for route in routes] == ["llama"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--address", "engine:8000"],
        ["--model", "default"],
        ["--context-tokens", "0"],
    ],
)
def test_it_refuses_and_changes_nothing(arguments):
    engine = make_engine(served_model=make_served_model(name="old"))

    with pytest.raises(CommandError):
        register(*arguments)

    assert ServedModel.objects.get(is_default=True).name == "old"
    assert Engine.objects.get() == engine
    assert not Engine.objects.get().is_draining


def test_it_refuses_a_start_that_the_data_plane_never_hears_of(settings):
    settings.VALKEY_URL = "redis://127.0.0.1:1"

    with pytest.raises(redis.ConnectionError):
        register()


def test_proxies_learn_where_the_tokenizer_lies(valkey, settings, tmp_path):
    settings.ENGINE_MODEL, settings.ENGINE_MODELS = "", tmp_path

    register()

    (route,) = published(valkey, SNAPSHOT_KIND).items
    folder = tmp_path / "smollm2-135m-instruct-b179c952-1"
    assert route["tokenizer_folder"] == str(folder)

    settings.ENGINE_MODEL = str(tmp_path)
    register()
    assert ServedModel.objects.get().tokenizer_folder == str(tmp_path)

    register("--tokenizer-folder", "/elsewhere")
    assert ServedModel.objects.get().tokenizer_folder == "/elsewhere"

    settings.ENGINE_MODEL = "someone/of-a-hub"
    register()
    assert ServedModel.objects.get().tokenizer_folder == "/elsewhere"

    register("--simulator")
    assert ServedModel.objects.get().tokenizer_folder is None
