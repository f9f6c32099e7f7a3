"""The engine down, hanging, failing or lying, and clients that leave."""

import json
import time
from pathlib import Path

import pytest

from metering.proxy import errors
from metering.wire import Outcome, UsageSource
from tests.metering.proxy.conftest import MODEL, Plane, until

PROMPT = "vllm:prompt_tokens_total"
GENERATED = "vllm:generation_tokens_total"


def nothing_left(plane: Plane) -> None:
    until(lambda: plane.metric("tokenfab_proxy_calls_in_flight") == 0)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("fault", "refusal"),
    [
        ("status:500", errors.ENGINE_UNAVAILABLE),
        ("status:401", errors.ENGINE_UNAVAILABLE),
        ("garbage", errors.ENGINE_INVALID),
        ("not-http", errors.ENGINE_INVALID),
        ("die:0", errors.ENGINE_UNAVAILABLE),
        ("die:40", errors.ENGINE_UNAVAILABLE),
        ("status:503", errors.OVERLOADED),
    ],
)
def test_it_refuses_and_bills_nothing(plane: Plane, secret, fault, refusal, stream):
    plane.order_fault(fault, times=3)
    answer = plane.chat(secret, stream=stream)
    assert answer.status_code == refusal.status, answer.text
    assert answer.json()["error"]["code"] == refusal.code
    nothing_left(plane)
    assert plane.events() == []
    plane.order_fault("", times=0)
    assert plane.chat(secret).status_code == 200


@pytest.mark.parametrize("stream", [False, True])
def test_it_retries_what_failed_before_the_first_byte(plane: Plane, secret, stream):
    plane.order_fault("status:503", times=2)
    assert plane.chat(secret, stream=stream).status_code == 200
    assert len(plane.events()) == 1


def test_it_goes_to_another_engine(bare_plane: Plane):
    plane = bare_plane
    secret = plane.add_key()
    plane.publish_prices()
    plane.start_engine(1)
    plane.start_engine(2)
    plane.start_proxy()
    until(lambda: plane.metric("tokenfab_proxy_engine_healthy") == 2)
    plane.order_fault("die:0", times=1000, number=1)
    for _ in range(6):
        assert plane.chat(secret).status_code == 200
    assert {event.engine_id for event in plane.events()} == {2}


def test_without_an_engine_it_says_how_far_it_is(bare_plane: Plane):
    plane = bare_plane
    secret = plane.add_key()
    plane.publish_prices()
    plane.engines[1] = plane.home / "absent.sock"
    plane.publish_routes()
    (plane.home / "run").mkdir()
    progress = {
        "state": "loading",
        "title": "Loading the model",
        "overall": 0.625,
        "eta_seconds": 42,
    }
    (plane.home / "run" / "engine_progress.json").write_text(json.dumps(progress))
    plane.start_proxy()
    headers = {"authorization": f"Bearer {secret}"}
    until(lambda: plane.client.get("/v1/models", headers=headers).is_success)
    until(lambda: plane.chat(secret).json()["error"]["code"] == "engine_not_ready")
    answer = plane.chat(secret)
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "42"
    assert "Loading the model, 62 % done" in answer.json()["error"]["message"]
    ready = plane.client.get("/readyz")
    assert ready.status_code == 503
    assert ready.json()["engine"]["overall"] == 0.625


@pytest.fixture
def hasty_plane(bare_plane: Plane) -> Plane:
    """Time-outs short enough to wait for."""
    plane = bare_plane
    plane.publish_prices()
    plane.publish_keys()
    plane.start_engine()
    plane.start_proxy(
        FIRST_BYTE_SECONDS="0.6",
        ANSWER_SECONDS="0.6",
        CHUNK_SECONDS="0.6",
        CLIENT_GONE_DRAIN_SECONDS="0.6",
    )
    until(plane.is_ready)
    return plane


@pytest.mark.parametrize("stream", [False, True])
def test_it_gives_up_on_an_engine_that_hangs(hasty_plane: Plane, stream: bool):
    secret = hasty_plane.add_key()
    hasty_plane.order_fault("hang:0")
    answer = hasty_plane.chat(secret, stream=stream)
    assert answer.status_code == 504
    assert answer.json()["error"]["code"] == "engine_timeout"
    nothing_left(hasty_plane)
    assert hasty_plane.events() == []


@pytest.mark.parametrize("fault", ["hang:2000", "die:2000"])
def test_a_stream_that_breaks_ends_with_an_error_event(hasty_plane: Plane, fault: str):
    secret = hasty_plane.add_key()
    hasty_plane.order_fault(fault)
    answer = hasty_plane.chat(
        secret,
        stream=True,
        stream_options={"continuous_usage_stats": True},
        max_tokens=100,
    )
    assert answer.status_code == 200
    events = [line for line in answer.text.split("\n\n") if line]
    error = json.loads(events[-1].removeprefix("data: "))["error"]
    assert error["type"] == "server_error"
    nothing_left(hasty_plane)
    (event,) = hasty_plane.events()
    assert event.outcome == Outcome.ENGINE_FAILED
    assert event.usage_source == UsageSource.ENGINE
    last = json.loads(events[-2].removeprefix("data: "))["usage"]
    assert event.output_tokens == last["completion_tokens"]


def test_a_stream_without_usage_is_not_charged(plane: Plane, secret: str):
    """new-api#5289: failed streams were charged by a guess."""
    plane.order_fault("no-usage")
    plane.chat(secret, stream=True)
    nothing_left(plane)
    assert plane.events() == []


@pytest.mark.parametrize("tokens_seen", [1, 5, 12])
def test_a_client_that_leaves_a_stream_pays_what_the_engine_counted(
    plane: Plane, secret: str, tokens_seen: int
):
    """litellm#14457: whoever hung up in the middle of a stream paid nothing."""
    before = plane.counters()
    client = plane.raw()
    body = {
        "model": MODEL,
        "messages": [{"role": "user", "content": "A long story please"}],
        "max_tokens": 500,
        "stream": True,
        "stream_options": {"continuous_usage_stats": True},
    }
    plane.order_fault("slow:100")
    client.post(secret, json.dumps(body).encode())
    client.receive_until(b'"completion_tokens":%d,' % tokens_seen)
    client.close()
    (event,) = until(plane.events)
    assert event.outcome == Outcome.CLIENT_GONE
    assert event.usage_source == UsageSource.ENGINE
    assert tokens_seen <= event.output_tokens < 500
    until(lambda: plane.counters()["vllm:num_requests_running"] == 0)
    after = plane.counters()
    assert after[PROMPT] - before[PROMPT] == event.input_tokens
    assert after[GENERATED] - before[GENERATED] == event.output_tokens


def test_a_client_that_leaves_before_a_whole_answer_pays_for_all_of_it(
    plane: Plane, secret: str
):
    client = plane.raw()
    body = {
        "model": MODEL,
        "messages": [{"role": "user", "content": "Hi"}],
        "max_tokens": 20,
    }
    plane.order_fault("slow:200")
    client.post(secret, json.dumps(body).encode())
    until(lambda: plane.counters()["vllm:num_requests_running"] == 1)
    client.close()
    (event,) = until(plane.events)
    assert (event.outcome, event.output_tokens) == (Outcome.CLIENT_GONE, 20)
    assert event.usage_source == UsageSource.ENGINE


def test_an_engine_that_never_ends_for_a_client_that_left_is_estimated(
    hasty_plane: Plane,
):
    secret = hasty_plane.add_key()
    client = hasty_plane.raw()
    body = b'{"model":"default","messages":[{"role":"user","content":"Hi"}]}'
    hasty_plane.order_fault("hang:0")
    client.post(secret, body)
    until(lambda: hasty_plane.metric("tokenfab_proxy_calls_in_flight") == 1)
    client.close()
    (event,) = until(hasty_plane.events)
    assert event.usage_source == UsageSource.ESTIMATE
    assert event.outcome == Outcome.CLIENT_GONE
    nothing_left(hasty_plane)


def test_a_client_that_leaves_within_its_own_request_costs_nothing(
    plane: Plane, secret: str
):
    client = plane.raw()
    client.send(b"POST /v1/chat/completions HTTP/1.1\r\ncontent-length: 99\r\n")
    client.close()
    half = plane.raw()
    half.send(
        b"POST /v1/chat/completions HTTP/1.1\r\nauthorization: Bearer %b\r\n"
        b'content-length: 99\r\n\r\n{"model":' % secret.encode()
    )
    half.close()
    until(lambda: plane.chat(secret).status_code == 200)
    assert len(plane.events()) == 1


def test_clients_that_do_not_read_bound_the_memory(plane: Plane, secret: str):
    """The engine is paused, not buffered for: some 10 MB an answer, of which the
    kernel takes up to 4.
    """
    body = {
        "model": MODEL,
        "messages": [{"role": "user", "content": "Everything, please"}],
        "max_tokens": 4000,
        "ignore_eos": True,
        "n": 8,
        "stream": True,
    }
    before = resident_kib(plane)
    clients = [plane.raw(receive_bytes=4096) for _ in range(6)]
    for client in clients:
        client.post(secret, json.dumps(body).encode())
    for client in clients:
        client.receive_until(b"data:")
    time.sleep(1.5)  # nothing announces that nothing more happens
    assert plane.metric("tokenfab_proxy_calls_in_flight") == 6
    assert resident_kib(plane) - before < 15_000
    for client in clients:
        client.close()
    until(lambda: len(plane.events()) == 6, seconds=60)
    assert {event.outcome for event in plane.events()} == {Outcome.CLIENT_GONE}
    assert {event.output_tokens for event in plane.events()} == {8 * 4000}


def resident_kib(plane: Plane) -> int:
    proxy = plane.processes[1]
    status = Path(f"/proc/{proxy.pid}/status").read_text().splitlines()
    line = next(line for line in status if line.startswith("VmRSS"))
    return int(line.split()[1])
