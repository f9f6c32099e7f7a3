"""OpenAI's official JavaScript client, on the Node that comes with the test packages.

It is installed once, from the lock file, into var/js-clients.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from metering.wire import Outcome
from tests.metering.proxy.clients.conftest import Spoken
from tests.metering.proxy.clients.spoken_engine import PHRASE
from tests.metering.proxy.conftest import MODEL, Plane, until

SOURCE = Path(__file__).parent / "js"
FOLDER = Path(__file__).resolve().parents[4] / "var" / "js-clients"
BINARIES = Path(sys.executable).parent
ENVIRONMENT = {
    **os.environ,
    "PATH": f"{BINARIES}{os.pathsep}{os.environ['PATH']}",
    "NO_COLOR": "1",
}
Run = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def scenarios() -> Path:
    """Where Node finds the client; skips the test when it cannot be installed."""
    lock = (SOURCE / "package-lock.json").read_bytes()
    stamp = FOLDER / "installed.json"
    if not stamp.exists() or stamp.read_bytes() != lock:
        _install()
        stamp.write_bytes(lock)
    shutil.copy(SOURCE / "scenarios.mjs", FOLDER)
    return FOLDER / "scenarios.mjs"


def _install() -> None:
    if not (BINARIES / "npm").exists():
        pytest.skip("Node is missing: requirements/dev.txt is not installed")
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(SOURCE / name, FOLDER)
    command = [
        str(BINARIES / "npm"), "ci", "--ignore-scripts", "--no-audit", "--no-fund",
    ]  # fmt: skip
    done = subprocess.run(
        command,
        cwd=FOLDER,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if done.returncode != 0:
        pytest.skip(f"npm could not install the client: {done.stderr[-500:]}")


@pytest.fixture
def run(scenarios: Path) -> Run:
    def run_one(name: str, url: str, secret: str) -> dict[str, Any]:
        done = subprocess.run(
            [str(BINARIES / "node"), str(scenarios), name, f"{url}/v1", secret],
            env=ENVIRONMENT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    return run_one


@pytest.mark.parametrize("name", ["chat", "stream"])
def test_it_works(plane: Plane, secret: str, run: Run, name: str):
    answer = run(name, plane.url, secret)
    assert answer["text"]
    (event,) = plane.events()
    assert event.endpoint == "chat.completions"
    assert answer["usage"]["prompt_tokens"] == event.input_tokens
    assert answer["usage"]["completion_tokens"] == event.output_tokens
    if name == "chat":
        assert answer["requestID"] == f"req_{event.event_id}"


@pytest.mark.parametrize("name", ["response", "response_stream"])
def test_responses(plane: Plane, secret: str, run: Run, name: str):
    answer = run(name, plane.url, secret)
    assert answer["text"]
    assert answer["text"] == answer.get("whole", answer["text"])
    (event,) = plane.events()
    assert event.endpoint == "responses"
    assert answer["usage"]["output_tokens"] == event.output_tokens


def test_models_are_listed(plane: Plane, secret: str, run: Run):
    assert run("models", plane.url, secret) == {"ids": [MODEL]}


def test_a_stream_that_is_aborted(plane: Plane, secret: str, run: Run):
    plane.order_fault("slow:200")
    assert run("abort", plane.url, secret)["seen"] >= 3
    (event,) = until(plane.events)
    assert event.outcome is Outcome.CLIENT_GONE
    assert 3 <= event.output_tokens < 500


@pytest.mark.parametrize("name", ["tools", "tools_stream"])
def test_tools_run_until_the_answer(spoken: Spoken, run: Run, name: str):
    answer = run(name, spoken.url, spoken.secret)
    assert answer == {"text": PHRASE, "calls": ["Oslo"]}
    assert spoken.engine.bodies[1]["messages"][-1]["content"] == "-3 in Oslo"
    spoken.billed(2)


def test_a_streamed_response_calls_a_tool(spoken: Spoken, run: Run):
    answer = run("response_tools", spoken.url, spoken.secret)
    assert answer == {"name": "weather", "arguments": {"city": "Oslo"}}
    spoken.billed(1)


def test_structured_output(spoken: Spoken, run: Run):
    assert run("structured", spoken.url, spoken.secret)["city"] == "Oslo"
    spoken.billed(1)


@pytest.mark.parametrize("name", ["error", "error_stream"])
def test_a_bad_value(plane: Plane, secret: str, run: Run, name: str):
    error = run(name, plane.url, secret)
    assert (error["kind"], error["status"]) == ("BadRequestError", 400)
    assert (error["param"], error["type"]) == ("max_tokens", "invalid_request_error")
    assert error["requestID"].startswith("req_")


def test_an_unknown_model(plane: Plane, secret: str, run: Run):
    error = run("unknown_model", plane.url, secret)
    assert (error["kind"], error["code"]) == ("NotFoundError", "model_not_found")


def test_a_rate_limit(plane: Plane, run: Run):
    error = run("rate_limit", plane.url, plane.add_key(requests_per_minute=1))
    assert (error["kind"], error["code"]) == ("RateLimitError", "rate_limit_exceeded")


def test_what_no_retry_can_help_is_asked_once(plane: Plane, run: Run):
    secret = plane.add_key(tokens_per_minute=100)
    error = run("never_fits", plane.url, secret)
    assert error["code"] == "request_exceeds_rate_limit"
    refused = 'tokenfab_proxy_answers_total{endpoint="chat.completions",status="429"} '
    before = plane.client.get("/metrics").text
    run("never_fits", plane.url, secret)
    after = plane.client.get("/metrics").text
    assert count(after, refused) - count(before, refused) == 1


def count(text: str, name: str) -> float:
    (line,) = [one for one in text.splitlines() if one.startswith(name)]
    return float(line.rpartition(" ")[2])


def test_a_busy_engine_is_asked_again_after_the_time_we_say(
    plane: Plane, secret: str, run: Run
):
    plane.order_fault("status:503", times=3)  # as often as the proxy itself tries
    answer = run("retry", plane.url, secret)
    assert answer["text"]
    assert answer["seconds"] >= 1
    assert len(plane.events()) == 1


def test_a_stream_that_breaks_off_raises(plane: Plane, secret: str, run: Run):
    plane.order_fault("die:3000")
    error = run("broken_stream", plane.url, secret)
    assert (error["kind"], error["code"]) == ("APIError", "engine_unavailable")


def test_a_time_out_is_the_callers(plane: Plane, secret: str, run: Run):
    plane.order_fault("slow:500")
    error = run("time_out", plane.url, secret)
    assert error["kind"] == "APIConnectionTimeoutError"
    (event,) = until(plane.events)
    assert event.outcome is Outcome.CLIENT_GONE
