"""Given a Tokenfab with a model that talks, one that embeds and one that makes images,
when each sample of the documentation's pages is run as it stands there, in a shell, in
Python and in JavaScript, with the reader's whole key, then every one of them succeeds.
"""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from html import unescape
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from frontend.docs.model_api import read_endpoints
from tests.engine_contract.engines import run_simulator
from tests.metering.proxy.clients.test_openai_js import (
    BINARIES,
    ENVIRONMENT,
    scenarios,  # noqa: F401  a fixture: installs the JavaScript client
)
from tests.running import RunningTokenfab
from tests.scenarios.leased_talk import Tenant

pytestmark = pytest.mark.slow

SAMPLES = [
    pytest.param(topic.slug, operation.name, sample.language, id=name)
    for topic in read_endpoints()
    for operation in topic.operations
    for sample in operation.samples
    if (name := f"{operation.name}-{sample.language}")
]
FREE = ("--new-input", "0", "--cached-input", "0", "--output", "0")
OTHER_MODELS = {
    "embed-model": (
        "embed",
        ("--new-input", "0.2", "--cached-input", "0.1", "--output", "0"),
    ),
    "image-model": ("image", (*FREE, "--image", "0.04")),
}
SECONDS_MAX = 60


@pytest.fixture(scope="module")
def running(
    tokenfab: RunningTokenfab, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningTokenfab]:
    key = (tokenfab.home / "secrets" / "engine_key").read_text().strip()
    with ExitStack() as stack:
        for model, (task, prices) in OTHER_MODELS.items():
            engine = stack.enter_context(
                run_simulator(
                    tmp_path_factory.mktemp(task),
                    ENGINE_KEY=key,
                    SERVED_MODEL_NAME=model,
                    SIMULATOR_TASK=task,
                )
            )
            known = ("--task", task, "--context-tokens", "4096", "--simulator")
            for command in (
                ("register_engine", f"unix:{engine.socket}", "--model", model, *known),
                ("set_price", model, *prices),
            ):
                done = tokenfab.manage(*command)
                assert done.returncode == 0, done.stderr
        yield tokenfab


@pytest.fixture(scope="module")
def reader(running: RunningTokenfab) -> Iterator[Tenant]:
    made = Tenant(running, "Reader")
    with made.client:
        yield made


TALK = "Tell me of lighthouses, at length. " * 8


def make_response(client: httpx.Client, **fields: object) -> str:
    body = {"model": "default", "input": TALK, **fields}
    return str(answered(client, "/v1/responses", body)["id"])


def make_lease(client: httpx.Client) -> str:
    body = {
        "model": "default",
        "messages": [{"role": "user", "content": TALK}],
        "max_tokens": 8,
        "kv_retention": {"timeout": "10m"},
    }
    return str(answered(client, "/v1/chat/completions", body)["kv_lease"]["id"])


def make_call(client: httpx.Client) -> str:
    body = {"model": "default", "prompt": "Hello", "max_tokens": 8}
    answer = client.post("/v1/completions", json=body)
    return answer.headers["x-request-id"]


def make_prompt(client: httpx.Client) -> str:
    body = {
        "name": f"given-{uuid4()}",
        "model": "default",
        "ttl": "10m",
        "messages": [{"role": "system", "content": TALK}],
    }
    return str(answered(client, "/v1/cached_prompts", body)["name"])


def answered(client: httpx.Client, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = client.post(path, json=body)
    assert answer.is_success, answer.text
    found: dict[str, Any] = answer.json()
    return found


MAKERS: dict[str, Callable[[httpx.Client], str]] = {
    "RESPONSE_ID": make_response,
    "LEASE_ID": make_lease,
    "REQUEST_ID": make_call,
    "PROMPT": make_prompt,
}
"""What samples take from the environment, and how a reader comes by it."""


@pytest.fixture(scope="module")
def pages(running: RunningTokenfab) -> dict[str, str]:
    portal = running.endpoints()["portal"]
    return {
        topic.slug: httpx.get(f"{portal}/docs/endpoints/{topic.slug}/").text
        for topic in read_endpoints()
    }


def code_of(page: str, name: str, language: str) -> str:
    found = re.search(
        rf'<code id="code-{name}-{language}">(.*?)</code>', page, re.DOTALL
    )
    assert found, f"{name} has no sample in {language}"
    return unescape(found[1])


def command_of(language: str, code: str, folder: Path, packages: Path) -> list[str]:
    if language == "curl":
        return ["bash", "-c", code.replace("curl ", "curl -sS --fail-with-body ", 1)]
    if language == "python":
        return [sys.executable, "-c", code]
    program = packages / f"{folder.name}.mjs"  # beside the client that it imports
    program.write_text(code)
    return [str(BINARIES / "node"), str(program)]


@pytest.mark.parametrize(("slug", "name", "language"), SAMPLES)
def test_it_runs_as_it_stands(  # noqa: PLR0917  fixtures and parameters
    reader: Tenant,
    pages: dict[str, str],
    scenarios: Path,  # noqa: F811  the fixture
    tmp_path: Path,
    slug: str,
    name: str,
    language: str,
) -> None:
    secret = reader.client.headers["authorization"].removeprefix("Bearer ")
    code = code_of(pages[slug], name, language).replace("YOUR_API_KEY", secret)
    given = {
        variable: make(reader.client)
        for variable, make in MAKERS.items()
        if f"${variable}" in code
    }
    if name == "cancel_response" and given:
        given["RESPONSE_ID"] = make_response(reader.client, background=True)
    done = subprocess.run(
        command_of(language, code, tmp_path, scenarios.parent),
        env={**os.environ, **ENVIRONMENT, **given},
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )
    assert done.returncode == 0, f"{code}\n{done.stdout}\n{done.stderr}"
    assert done.stdout.strip()
