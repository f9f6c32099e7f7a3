"""Pace and queue, seen from outside."""

import contextlib
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from tests.engine_contract.engines import wait_until


def hold_stream(engine, leave, ready, **fields):
    """Reads a long stream until `leave` is set."""
    body = {"model": engine.model, "prompt": "Hello", "stream": True} | fields
    with (
        engine.client() as client,
        client.stream("POST", "/v1/completions", json=body) as answer,
    ):
        for _ in answer.iter_lines():
            ready.set()
            if leave.is_set():
                return


@contextlib.contextmanager
def held_stream(engine, **fields):
    """A stream that goes on meanwhile."""
    leave, ready = threading.Event(), threading.Event()
    with ThreadPoolExecutor() as pool:
        stream = pool.submit(hold_stream, engine, leave, ready, **fields)
        assert ready.wait(10)
        try:
            yield
        finally:
            leave.set()
            stream.result(10)


def test_it_works(start):
    engine = start(SIMULATOR_TOKENS_PER_SECOND="100")
    started = time.monotonic()
    engine.chat("Hello", max_tokens=31, ignore_eos=True)
    assert 0.29 <= time.monotonic() - started < 3


def test_fast_paces_are_kept_too(start):
    engine = start(SIMULATOR_TOKENS_PER_SECOND="2000")
    started = time.monotonic()
    engine.chat("Hello", max_tokens=1001, ignore_eos=True)
    assert 0.49 <= time.monotonic() - started < 3


def test_the_first_token_takes_longer(start):
    engine = start(SIMULATOR_TTFT_MS="200")
    started = time.monotonic()
    events = engine.stream_chat("Hello", max_tokens=5, ignore_eos=True)
    assert len(events) == 7
    assert 0.2 <= time.monotonic() - started < 3


def test_who_comes_too_much_waits(start):
    engine = start(SIMULATOR_MAX_NUM_SEQS="1", SIMULATOR_TOKENS_PER_SECOND="200")
    with ThreadPoolExecutor() as pool:
        with held_stream(engine, max_tokens=2000, ignore_eos=True):
            second = pool.submit(engine.chat, "Hi", max_tokens=1)
            wait_until(lambda: engine.counter("num_requests_waiting") == 1)
            assert engine.counter("num_requests_running") == 1
        assert second.result(10)["usage"]["completion_tokens"] == 1
    assert engine.counter("num_requests_waiting") == 0


def test_who_finds_no_blocks_waits(start):
    """The pool holds one context; two long answers take turns."""
    engine = start(SIMULATOR_BLOCKS="128", SIMULATOR_TOKENS_PER_SECOND="200")
    with ThreadPoolExecutor() as pool:
        with held_stream(engine, max_tokens=4000, ignore_eos=True):
            assert engine.counter("kv_cache_usage_perc") > 0.9
            second = pool.submit(engine.chat, "Hi", max_tokens=200)
            wait_until(lambda: engine.counter("num_requests_waiting") == 1)
        assert second.result(10)["usage"]["completion_tokens"] > 1
    wait_until(lambda: engine.counter("kv_cache_usage_perc") == 0)


def test_an_aborted_prefill_moves_no_counter(start):
    """A prompt is counted with its first token, and looked up before that."""
    engine = start(SIMULATOR_TTFT_MS="60000")
    with engine.connect() as connection:
        body = b'{"prompt": "Once upon a time"}'
        connection.sendall(
            b"POST /v1/completions HTTP/1.1\r\nhost: e\r\nauthorization: Bearer "
            + engine.key.encode()
            + b"\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"
            % (len(body), body)
        )
        wait_until(lambda: engine.counter("num_requests_running") == 1)
    wait_until(lambda: engine.counter("num_requests_running") == 0)
    counters = engine.counters()
    assert counters["vllm:prefix_cache_queries_total"] > 0
    assert counters["vllm:prompt_tokens_total"] == 0
    assert counters["vllm:generation_tokens_total"] == 0
