"""The proxy as a process: probes, metrics, draining, restarts, a full disk."""

import json
import shutil
import signal
import threading

import httpx
import pytest

from metering.services.read_segment import has_writer
from metering.wire import Outcome
from tests.metering.proxy.conftest import Plane, until


def test_probes_and_metrics(plane: Plane, secret: str):
    assert plane.client.get("/healthz").text == "ok\n"
    assert plane.client.get("/readyz").json()["status"] == "ready"
    before = plane.metric("tokenfab_proxy_tokens_total")
    plane.chat(secret)
    (event,) = plane.events()
    after = plane.metric("tokenfab_proxy_tokens_total")
    assert after - before == event.input_tokens + event.output_tokens


def test_no_secret_reaches_the_log(plane: Plane, secret: str):
    plane.order_fault("die:0", times=3)
    plane.chat(secret)
    log = plane.log("proxy")
    assert "engine lost" in log
    assert secret not in log
    assert plane.salt not in log


@pytest.fixture
def own_plane(bare_plane: Plane) -> Plane:
    plane = bare_plane
    plane.publish_prices()
    plane.publish_keys()
    plane.start_engine()
    return plane


def stream_in_background(
    plane: Plane, secret: str
) -> tuple[threading.Thread, list[httpx.Response]]:
    answers: list[httpx.Response] = []

    def call() -> None:
        with plane.new_client() as client:
            answer = plane.chat(
                secret, client=client, stream=True, max_tokens=40, ignore_eos=True
            )
            answers.append(answer)

    thread = threading.Thread(target=call)
    thread.start()
    until(lambda: plane.metric("tokenfab_proxy_calls_in_flight") == 1)
    return thread, answers


def test_it_drains_before_it_ends(own_plane: Plane):
    plane = own_plane
    proxy = plane.start_proxy(DRAIN_SECONDS="10")
    until(plane.is_ready)
    secret = plane.add_key()
    plane.order_fault("slow:20")
    thread, answers = stream_in_background(plane, secret)
    proxy.send_signal(signal.SIGTERM)
    thread.join(timeout=10)
    assert answers[0].text.endswith("data: [DONE]\n\n")
    assert proxy.wait(timeout=30) == 0
    (event,) = plane.events()
    assert (event.outcome, event.output_tokens) == (Outcome.COMPLETED, 40)


def test_what_outlasts_the_drain_is_cut_and_metered(own_plane: Plane):
    plane = own_plane
    proxy = plane.start_proxy(DRAIN_SECONDS="0.3")
    until(plane.is_ready)
    secret = plane.add_key()
    plane.order_fault("slow:500")
    thread, answers = stream_in_background(plane, secret)
    until(lambda: plane.counters()["vllm:generation_tokens_total"] > 1)
    proxy.send_signal(signal.SIGTERM)
    assert proxy.wait(timeout=30) == 0
    thread.join(timeout=10)
    last = json.loads(answers[0].text.split("\n\n")[-2].removeprefix("data: "))
    assert last["error"]["message"] == "The service is restarting."
    (event,) = plane.events()
    assert event.outcome == Outcome.ENGINE_FAILED
    assert 0 < event.output_tokens < 40


def test_it_serves_from_its_last_snapshots_without_valkey(own_plane: Plane):
    plane = own_plane
    secret = plane.add_key()
    proxy = plane.start_proxy()
    until(lambda: plane.chat(secret).status_code == 200)
    proxy.send_signal(signal.SIGKILL)
    proxy.wait()
    plane.start_proxy(VALKEY_URL="redis://127.0.0.1:1")
    until(plane.is_ready)
    assert plane.chat(secret).status_code == 200


def test_segments_rotate_and_survive_restarts(own_plane: Plane):
    plane = own_plane
    secret = plane.add_key()
    for _ in range(2):
        proxy = plane.start_proxy(JOURNAL_SEGMENT_BYTES="2048")
        until(plane.is_ready)
        for _ in range(12):
            assert plane.chat(secret).status_code == 200
        proxy.send_signal(signal.SIGTERM)
        assert proxy.wait(timeout=30) == 0
    assert len(plane.events()) == 24
    assert len(list((plane.home / "journal" / "0").glob("*.journal"))) > 3


def test_a_full_disk_refuses_calls_before_they_begin(own_plane: Plane):
    """The same as a disk with little room left: segments too large for it."""
    plane = own_plane
    secret = plane.add_key()
    free_bytes = shutil.disk_usage(plane.home).free
    plane.start_proxy(JOURNAL_SEGMENT_BYTES=str(free_bytes * 2 // 5))
    until(plane.is_ready)
    answer = plane.chat(secret)
    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "metering_unavailable"
    assert plane.counters()["vllm:prompt_tokens_total"] == 0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PROXY_PORT", ""),
        ("VALKEY_URL", "rediss://x"),
        ("HEAD_SECONDS", "soon"),
        ("PROXY_PROCESSES", "0"),
    ],
)
def test_it_refuses_a_wrong_environment_in_one_sentence(bare_plane, name, value):
    with pytest.raises(AssertionError, match=name):
        bare_plane.start_proxy(**{name: value})
    assert "Traceback" not in bare_plane.log("proxy")


def test_a_segment_is_locked_while_it_may_grow(own_plane: Plane):
    proxy = own_plane.start_proxy()
    (segment,) = (own_plane.home / "journal" / "0").glob("*.journal")
    assert has_writer(segment)
    proxy.send_signal(signal.SIGKILL)
    proxy.wait()
    assert not has_writer(segment)
