"""Requests and tokens per minute, decided in Valkey."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis

from metering.proxy import limits
from tests.metering.proxy.conftest import Plane, until


def test_it_works(plane: Plane):
    secret = plane.add_key(requests_per_minute=5, tokens_per_minute=10_000)
    answer = plane.chat(secret)
    headers = answer.headers
    assert answer.status_code == 200
    assert headers["x-ratelimit-limit-requests"] == "5"
    assert headers["x-ratelimit-remaining-requests"] == "4"
    assert headers["x-ratelimit-limit-tokens"] == "10000"
    assert 9000 < int(headers["x-ratelimit-remaining-tokens"]) < 10_000
    assert headers["x-ratelimit-reset-requests"] == "60s"


def test_it_refuses_the_request_over_the_limit(plane: Plane):
    secret = plane.add_key(requests_per_minute=3)
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: plane.chat(secret), range(10)))
    assert sorted(answer.status_code for answer in answers) == [200] * 3 + [429] * 7
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert refused.json()["error"]["code"] == "rate_limit_exceeded"
    assert 1 <= int(refused.headers["retry-after"]) <= 61
    assert refused.headers["x-ratelimit-remaining-requests"] == "0"
    assert len(plane.events()) == 3


def test_parallel_calls_never_use_more_tokens_than_the_limit(plane: Plane):
    """litellm#18730: five parallel calls used 663 tokens under 100 tokens a minute."""
    secret = plane.add_key(tokens_per_minute=500)
    prompts = [f"{number} bottles " * 60 for number in range(20)]  # none is cached
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda prompt: plane.chat(secret, prompt), prompts))
    uses = [
        event.input_tokens - event.cached_input_tokens + event.output_tokens
        for event in plane.events()
    ]
    # A hold is an estimate; a prompt with more tokens to the byte may use more than it.
    assert 0 < sum(uses) <= 500 + max(uses)
    assert {answer.status_code for answer in answers} == {200, 429}


def test_input_and_output_both_count(plane: Plane):
    """litellm#17664: tokens per minute counted the output only."""
    secret = plane.add_key(tokens_per_minute=10_000)
    plane.chat(secret, "word " * 500)
    (event,) = plane.events()

    def remaining() -> int:
        answer = plane.chat(secret, max_tokens=1)
        return int(answer.headers["x-ratelimit-remaining-tokens"])

    assert event.input_tokens > 500
    left = until(remaining)
    assert left < 10_000 - event.input_tokens


def test_it_settles_by_the_actual_use(plane: Plane):
    secret = plane.add_key(tokens_per_minute=5000)
    for _ in range(5):  # each holds about 4,100 and uses about 50
        answer = plane.chat(secret, max_tokens=None, stop=["e"])
        assert answer.status_code == 200, answer.text
        until(lambda: plane.metric("tokenfab_proxy_calls_in_flight") == 0)


def test_it_refuses_what_can_never_fit(plane: Plane):
    secret = plane.add_key(tokens_per_minute=100)
    answer = plane.chat(secret, max_tokens=500)
    assert answer.status_code == 429
    assert answer.json()["error"]["code"] == "request_exceeds_rate_limit"
    assert "retry-after" not in answer.headers


def test_a_failed_call_gives_its_hold_back(plane: Plane):
    secret = plane.add_key(requests_per_minute=1, tokens_per_minute=1000)
    plane.order_fault("status:500")
    assert plane.chat(secret).status_code == 502
    until(lambda: plane.chat(secret).status_code == 200)


def test_limits_hold_over_three_proxies(bare_plane: Plane):
    """bifrost#3547: a budget was multiplied by the number of replicas."""
    plane = bare_plane
    plane.publish_prices()
    plane.start_engine()
    plane.start_proxy()
    for _ in range(2):
        plane.start_sibling()
    until(lambda: all("is healthy" in plane.log(f"proxy{n}") for n in ("", 1, 2)))
    secret = plane.add_key(requests_per_minute=10)

    def call(_: int) -> int:
        with plane.new_client() as client:  # the kernel spreads connections
            return plane.chat(secret, client=client).status_code

    with ThreadPoolExecutor(15) as pool:
        statuses = list(pool.map(call, range(30)))
    assert statuses.count(200) == 10
    assert statuses.count(429) == 20


def test_without_valkey_limited_keys_are_refused_and_others_served(
    bare_plane: Plane, valkey: redis.Redis
):
    plane = bare_plane
    limited = plane.add_key(requests_per_minute=5)
    unlimited = plane.add_key()
    plane.publish_prices()
    plane.start_engine()
    plane.start_proxy(HOLD_SECONDS="0.1")
    until(plane.is_ready)
    until(lambda: plane.chat(limited).status_code == 200)
    valkey.execute_command("CLIENT", "PAUSE", "3000", "ALL")
    began = time.monotonic()
    refused = plane.chat(limited)
    assert refused.status_code == 503
    assert refused.json()["error"]["code"] == "rate_limiter_unavailable"
    assert time.monotonic() - began < 2
    assert plane.chat(unlimited).status_code == 200
    until(lambda: plane.chat(limited).status_code == 200)


class Script:
    """The Lua script alone, by a client that is not ours."""

    def __init__(self, valkey: redis.Redis) -> None:
        self.call = valkey.register_script(limits._SCRIPT.decode())
        self.keys = ["{1}:r", "{1}:t"]

    def hold(self, requests: int, tokens: int, least: int, most: int):
        return self.call(self.keys, ["hold", requests, tokens, least, most])

    def settle(self, second: int, requests: int, tokens: int) -> None:
        self.call(self.keys, ["settle", second, requests, tokens])


@pytest.fixture
def script(valkey: redis.Redis) -> Script:
    return Script(valkey)


def test_the_script_holds_as_much_as_there_is(script: Script):
    assert script.hold(0, 100, 10, 60)[2:] == [60, -1, 40]
    assert script.hold(0, 100, 10, 60)[2:] == [40, -1, 0]
    allowed, which, wait_ms, *_ = script.hold(0, 100, 10, 60)
    assert (allowed, which) == (0, b"tokens")
    assert 59_000 < wait_ms <= 61_000


def test_the_script_settles_once_held(script: Script):
    _, second, held, _, _ = script.hold(10, 100, 10, 100)
    script.settle(second, 0, 30 - held)
    assert script.hold(10, 100, 1, 100)[2:] == [70, 8, 0]
    script.settle(second - 100, -5, -50)  # long out of the window
    assert script.hold(10, 100, 1, 1)[0] == 0


def test_the_script_forgets_after_a_minute(script: Script, valkey: redis.Redis):
    """The window is moved by moving what it holds into the past."""
    _, second, *_ = script.hold(2, 100, 50, 50)
    for key, amount in zip(script.keys, (1, 50), strict=True):
        valkey.hdel(key, second)
        valkey.hset(key, mapping={str(second - 61): amount, "oldest": second - 61})
    assert script.hold(2, 100, 100, 100)[:1] == [1]
    assert script.hold(2, 100, 1, 1)[0] == 0


def test_every_window_expires_by_itself(script: Script, valkey: redis.Redis):
    script.hold(5, 100, 10, 10)
    script.hold(5, 5, 10, 10)
    assert all(0 < valkey.ttl(key) <= 63 for key in valkey.keys("*"))


def test_parallel_holds_never_sum_above_the_limit(script: Script):
    held: list[int] = []
    lock = threading.Lock()

    def hold(number: int) -> None:
        answer = script.hold(0, 1000, 1 + number % 7, 1 + number % 50)
        if answer[0] == 1:
            with lock:
                held.append(answer[2])

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(hold, range(400)))
    assert sum(held) == 1000
