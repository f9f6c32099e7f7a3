import os
import shutil
from types import SimpleNamespace

import pytest

from config.supervisor.plan import CannotStartError, make_plan
from config.supervisor.processes import table

GIVEN = {
    "DATABASE_URL": "postgres://u:p@db.example:5432/t",
    "VALKEY_URL": "redis://cache.example:6379",
}


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("TOKENFAB_HOME", str(tmp_path))
    for name in ("ENGINE", "ENGINE_URLS", "PORTAL_URL", "API_URL"):
        monkeypatch.delenv(name, raising=False)
    for name, value in GIVEN.items():
        monkeypatch.setenv(name, value)
    return tmp_path


def test_it_works(home):
    plan = make_plan(home, {"PROXY_PROCESSES": "3"})
    assert (plan.postgres, plan.valkey) == (None, None)
    assert plan.api_port > plan.portal_port
    assert plan.proxy_count == 3
    services = plan.services()
    assert services.items() >= GIVEN.items()
    assert services["ENGINE"] == "vllm"
    assert services["ENGINE_SOCKET"] == str(home / "run" / "engine.sock")


def test_given_engines_replace_ours(home, monkeypatch):
    monkeypatch.setenv("ENGINE_URLS", "http://gpu.example:8000")
    plan = make_plan(home, {})
    assert plan.services()["ENGINE"] == "given"
    assert plan.services()["ENGINE_URLS"] == "http://gpu.example:8000"


def test_a_public_address_is_kept_apart_from_the_port(home, monkeypatch):
    monkeypatch.setenv("PORTAL_URL", "https://tokens.example/")
    plan = make_plan(home, {})
    assert plan.portal_url == "https://tokens.example"


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({"PORT": "http"}, "PORT=http is not a port number."),
        ({"PORT": "0"}, "PORT=0 is not a port number."),
        ({"PORT": "70000"}, "PORT=70000 is not a port number."),
        ({"PROXY_PROCESSES": "0"}, "PROXY_PROCESSES=0 is not a count above 0."),
    ],
)
def test_it_refuses_a_wrong_number(home, environment, sentence):
    with pytest.raises(CannotStartError, match=f"^{sentence}$"):
        make_plan(home, environment)


def test_it_refuses_an_unknown_engine(home, monkeypatch):
    monkeypatch.setenv("ENGINE", "vlllm")
    with pytest.raises(CannotStartError, match="choose vllm or simulator"):
        make_plan(home, {})


def test_it_refuses_a_full_disk_in_one_sentence(home, monkeypatch):
    # Filling a real disk would take the machine with it.
    usage = SimpleNamespace(free=120_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage)
    with pytest.raises(CannotStartError, match=r"^Only 120 MB are free below"):
        make_plan(home, {})


def test_children_of_the_data_plane_get_no_database_password(home):
    plan = make_plan(home, {})
    environments = {p.name: p.environment for p in table(plan)}
    for name in ("proxy-0", "engine"):
        assert "DATABASE_URL" not in environments[name]
        assert "DJANGO_SECRET_KEY" not in environments[name]
    assert environments["web"]["DATABASE_URL"] == GIVEN["DATABASE_URL"]
    assert environments["proxy-0"]["PROXY_PORT"] == str(plan.api_port)
    assert os.environ["TOKENFAB_HOME"] == environments["web"]["TOKENFAB_HOME"]
