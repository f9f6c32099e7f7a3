"""Idempotency keys over two proxy processes, and when one of them or Valkey dies."""

import os
import random
import signal
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import redis

from metering.models import UsageEvent
from metering.services.ship_journal import ship_journal
from tests.metering.proxy.conftest import Plane, until
from tests.metering.proxy.two_proxies import OwnValkey, TwoProxies, raw_chat

RUNNING = "vllm:num_requests_running"
END = b"[DONE]\n\n\r\n0\r\n\r\n"
SEED = int(os.environ.get("SEED", "0")) or random.SystemRandom().randrange(1, 10**9)
KILLS = int(os.environ.get("KILLS", "12"))


@pytest.fixture
def two(bare_plane: Plane) -> TwoProxies:
    plane = bare_plane
    plane.publish_prices()
    plane.publish_keys()
    plane.start_engine(SIMULATOR_TOKENS_PER_SECOND="100")
    two = TwoProxies(plane, os.environ["VALKEY_URL"])
    two.start()
    return two


@pytest.fixture
def secret(two: TwoProxies) -> str:
    secret = two.plane.add_key()
    until(lambda: two.knows(secret))
    return secret


@pytest.fixture
def key() -> str:
    return uuid.uuid4().hex


def test_it_replays_from_the_other_process(two: TwoProxies, secret: str, key: str):
    for fields in ({}, {"stream": True}):
        name = f"{key}-{len(fields)}"
        first = two.chat(0, secret, name, **fields)
        second = two.chat(1, secret, name, **fields)
        assert second.headers["idempotent-replayed"] == "true"
        assert second.content == first.content
        assert second.headers["x-request-id"] == first.headers["x-request-id"]
    assert len(two.events()) == 2


def test_it_joins_a_stream_of_the_other_process(two: TwoProxies, secret: str, key: str):
    first, second = two.raw(0), two.raw(1)
    first.send(raw_chat(secret, key, stream=True, max_tokens=100))
    first.receive_until(b"data: ")
    second.send(raw_chat(secret, key, stream=True, max_tokens=100))
    second.receive_until(b"data: ")
    assert END not in first.receive_until(b"data: ")  # joined while it runs
    whole_first = first.receive_until(END).partition(b"\r\n\r\n")[2]
    whole_second = second.receive_until(END).partition(b"\r\n\r\n")[2]
    assert whole_second == whole_first
    assert len(two.events()) == 1


def test_a_slow_reader_gets_all_of_it_from_the_other_process(
    two: TwoProxies, secret: str, key: str
):
    two.plane.order_fault("slow:1")
    fast, slow = two.raw(0), two.raw(1, receive_bytes=2048)
    for client in (fast, slow):
        client.send(raw_chat(secret, key, stream=True, max_tokens=1500))
        client.receive_until(b"data: ")
    whole_fast = fast.receive_until(END).partition(b"\r\n\r\n")[2]
    whole_slow = slow.receive_until(END).partition(b"\r\n\r\n")[2]
    assert whole_slow == whole_fast
    assert len(two.events()) == 1


def test_it_waits_for_a_whole_answer_of_the_other_process(
    two: TwoProxies, secret: str, key: str
):
    first = two.raw(0)
    first.send(raw_chat(secret, key))
    until(lambda: two.plane.counters()["vllm:prompt_tokens_total"] > 0)
    second = two.chat(1, secret, key)
    assert second.headers["idempotent-replayed"] == "true"
    assert second.content == first.answer().body
    assert len(two.events()) == 1


def test_another_body_is_refused_by_the_other_process(
    two: TwoProxies, secret: str, key: str
):
    two.chat(0, secret, key)
    assert two.chat(1, secret, key, max_tokens=3).status_code == 409


@pytest.mark.parametrize("is_streamed", [False, True])
def test_a_retry_runs_anew_when_the_owner_was_killed_before_the_end(
    two: TwoProxies, secret: str, key: str, is_streamed: bool
):
    first = two.raw(0)
    first.send(raw_chat(secret, key, stream=is_streamed, max_tokens=200))
    if is_streamed:
        first.receive_until(b"data: ")
    else:
        until(lambda: two.plane.counters()["vllm:prompt_tokens_total"] > 0)
    two.kill(0)
    second = two.chat(1, secret, key, stream=is_streamed, max_tokens=200)
    assert second.status_code == 200, second.text
    assert "idempotent-replayed" not in second.headers
    assert len(two.events()) == 1


def test_a_stream_that_was_joined_breaks_off_with_its_owner(
    two: TwoProxies, secret: str, key: str
):
    """Its rest would be another answer's. The retry gets one whole answer."""
    first, second = two.raw(0), two.raw(1)
    first.send(raw_chat(secret, key, stream=True, max_tokens=300))
    first.receive_until(b"data: ")
    second.send(raw_chat(secret, key, stream=True, max_tokens=300))
    second.receive_until(b"data: ")
    two.kill(0)
    assert END not in second.receive_all()
    third = two.chat(1, secret, key, stream=True, max_tokens=300)
    assert third.text.endswith("data: [DONE]\n\n")
    assert len(two.events()) == 1


@pytest.mark.parametrize("was_durable", [True, False])
def test_a_seal_that_its_owner_left_is_replayed_and_billed_once(
    two: TwoProxies, secret: str, key: str, was_durable: bool
):
    """The moment between seal and end, set by hand: a kill would hardly meet it."""
    first = two.chat(0, secret, key, stream=True)
    (event,) = two.events()
    two.kill(0)
    if not was_durable:
        for segment in (two.plane.home / "journal" / "0").glob("*.journal"):
            segment.unlink()
    (record,) = records(two.plane.valkey)
    end = first.text.encode().index(b"data: [DONE]")
    sealed: dict[Any, Any] = {"state": "sealed", "lease": 1, "released": end}
    sealed["event"] = msgspec.json.encode(event)
    two.plane.valkey.hset(record, mapping=sealed)
    second = two.chat(1, secret, key, stream=True)
    assert second.content == first.content
    assert second.headers["idempotent-replayed"] == "true"
    assert list(two.charges()) == [(event.event_id, event.happened_at_us)]
    assert two.plane.valkey.hget(record, "state") == b"done"


def test_without_valkey_only_calls_with_a_key_are_refused(
    two: TwoProxies, secret: str, key: str
):
    two.plane.valkey.execute_command("CLIENT", "PAUSE", "3000", "ALL")
    refused = two.chat(0, secret, key)
    assert refused.status_code == 503
    assert refused.json()["error"]["code"] == "idempotency_unavailable"
    assert refused.headers["retry-after"] == "1"
    assert two.chat(0, secret, None).status_code == 200
    until(lambda: two.chat(0, secret, key).status_code == 200)
    assert len(two.events()) == 2


def test_a_drain_keeps_what_it_cuts_short(two: TwoProxies, secret: str, key: str):
    first = two.raw(0)
    first.send(raw_chat(secret, key, stream=True, max_tokens=1000))
    first.receive_until(b"data: ")
    two.processes[0].send_signal(signal.SIGTERM)
    first.receive_all()
    assert two.processes[0].wait(timeout=30) == 0
    second = two.chat(1, secret, key, stream=True, max_tokens=1000)
    assert "service is restarting" in second.text
    assert second.headers["idempotent-replayed"] == "true"
    assert len(two.charges()) == 1


class Retrying:
    """One request, sent again with its key until an answer came whole."""

    def __init__(self, two: TwoProxies, secret: str, number: int) -> None:
        self.key = uuid.uuid4().hex
        self.answer: httpx.Response | None = None
        self.tries = 0
        self._two, self._secret = two, secret
        self._number, self._is_streamed = number, number % 2 == 0
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        for self.tries in range(1, 100):
            index = (self._number + self.tries) % 2
            try:
                answer = self._two.chat(
                    index, self._secret, self.key, stream=self._is_streamed
                )
            except httpx.TransportError:
                threading.Event().wait(0.05)
                continue
            if answer.status_code == 200 and (
                not self._is_streamed or "[DONE]" in answer.text
            ):
                self.answer = answer
                return
            threading.Event().wait(0.05)


def billed(home: Path) -> list[str]:
    ship_journal(home / "journal")
    ids = UsageEvent.objects.exclude(outcome="unbilled").values_list(
        "event_id", flat=True
    )
    return sorted(one.hex for one in ids)


@pytest.mark.slow("kills proxies a dozen times, about a second each")
@pytest.mark.django_db
def test_every_key_is_answered_and_billed_once_whatever_is_killed(
    two: TwoProxies, secret: str, capsys: pytest.CaptureFixture[str]
):
    moments = random.Random(SEED)  # noqa: S311 - to be repeated, not secret
    calls: list[Retrying] = []
    for kill in range(KILLS):
        calls += [Retrying(two, secret, number) for number in range(6)]
        threading.Event().wait(moments.uniform(0.0, 0.6))
        two.kill(kill % 2)
        two.restart(kill % 2)
    for call in calls:
        call.thread.join(timeout=60)
    answered = sorted(
        call.answer.headers["x-request-id"].removeprefix("req_")
        for call in calls
        if call.answer is not None
    )
    charged = billed(two.plane.home)
    with capsys.disabled():
        print(  # noqa: T201 - the figure is the point of the test
            f"\nseed {SEED}: {KILLS} kills, {len(calls)} keys, "
            f"{sum(call.tries for call in calls)} tries, {len(charged)} charges"
        )
    assert len(answered) == len(calls)
    assert charged == answered


@pytest.fixture
def own_valkey(tmp_path: Path) -> Iterator[OwnValkey]:
    folder = tmp_path / "valkey"
    folder.mkdir()
    server = OwnValkey(folder)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def killable(own_valkey: OwnValkey, tmp_path: Path) -> Iterator[TwoProxies]:
    plane = Plane(tmp_path, own_valkey.client)
    plane.publish_prices()
    plane.publish_keys()
    plane.start_engine(SIMULATOR_TOKENS_PER_SECOND="100")
    two = TwoProxies(plane, own_valkey.url)
    two.start(DURABLE_SECONDS="5")
    yield two
    plane.stop()


def test_a_killed_valkey_is_told_again_what_it_forgot(
    killable: TwoProxies, own_valkey: OwnValkey, key: str
):
    """The engine ends while Valkey is away: the end is shown when it is kept."""
    two = killable
    secret = two.plane.add_key()
    until(lambda: two.get(0, "/v1/models", secret).is_success)
    first = two.raw(0)
    first.send(raw_chat(secret, key, stream=True, max_tokens=60))
    first.receive_until(b"data: ")
    own_valkey.kill()
    until(lambda: two.plane.counters()[RUNNING] == 0)
    refused = two.chat(1, secret, key, stream=True, max_tokens=60)
    assert refused.status_code in {401, 503}, refused.text
    assert two.events() == []
    own_valkey.start()
    whole = first.receive_until(END).partition(b"\r\n\r\n")[2]
    until(lambda: two.get(1, "/v1/models", secret).is_success)
    until(lambda: is_back(own_valkey.client))
    second = two.chat(1, secret, key, stream=True, max_tokens=60)
    assert second.headers["idempotent-replayed"] == "true"
    assert second.text.endswith("data: [DONE]\n\n")
    assert len(second.content) < len(whole)  # the same, without the chunks' sizes
    assert len(two.events()) == 1


def test_a_call_that_ended_without_valkey_is_charged_once_though_its_process_died(
    killable: TwoProxies, own_valkey: OwnValkey, key: str
):
    """Both die with the supervisor: what nobody kept was not shown nor billed."""
    two = killable
    secret = two.plane.add_key()
    until(lambda: two.get(0, "/v1/models", secret).is_success)
    first = two.raw(0)
    first.send(raw_chat(secret, key, stream=True, max_tokens=60))
    first.receive_until(b"data: ")
    own_valkey.kill()
    until(lambda: two.plane.counters()[RUNNING] == 0)
    two.processes[0].send_signal(signal.SIGTERM)
    assert two.processes[0].wait(timeout=10) == 0
    assert b"[DONE]" not in first.receive_all()
    own_valkey.start()
    two.restart(0)
    until(lambda: two.get(1, "/v1/models", secret).is_success)
    second = until(
        lambda: (
            (answer := two.chat(1, secret, key, stream=True, max_tokens=60)).is_success
            and answer
        )
    )
    assert second.text.endswith("data: [DONE]\n\n")
    assert "idempotent-replayed" not in second.headers
    assert len(two.charges()) == 1


def is_back(client: redis.Redis) -> bool:
    return any(client.hget(name, "state") == b"done" for name in records(client))


def records(client: redis.Redis) -> list[str]:
    answers: list[Any] = client.keys("tokenfab:idempotency:*:answer")
    return [name.decode().removesuffix(":answer") for name in answers]
