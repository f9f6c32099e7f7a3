"""HTTP as the proxy meets it: pipelines, pauses, ends."""

import json
import os
import signal
import socket
import stat
import time

import pytest

from tests.engine_contract.engines import run_simulator, wait_until


def request(engine, body, *, close=False):
    text = json.dumps({"model": engine.model} | body)
    ending = "connection: close\r\n" if close else ""
    return (
        "POST /v1/chat/completions HTTP/1.1\r\nhost: e\r\n"
        f"authorization: Bearer {engine.key}\r\ncontent-type: application/json\r\n"
        f"content-length: {len(text)}\r\n{ending}\r\n{text}"
    ).encode()


def chat(content, **fields):
    return {"messages": [{"role": "user", "content": content}]} | fields


def test_it_works(engine):
    answer = engine.raw(request(engine, chat("Hello"), close=True))
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0] == "HTTP/1.1 200 OK"
    assert [line.partition(":")[0] for line in lines[1:]] == [
        "date",
        "server",
        "content-length",
        "content-type",
        "vary",
        "x-request-id",
        "connection",
    ]
    assert f"content-length: {len(body)}" in lines


def test_a_pipeline_is_answered_in_order(engine):
    many = b"".join(request(engine, chat(f"Number {n}.")) for n in range(40))
    answer = engine.raw(many + request(engine, chat("The end."), close=True))
    places = [answer.index(f"“Number {n}.”".encode()) for n in range(40)]
    assert places == sorted(places)
    assert answer.count(b"HTTP/1.1 200 OK") == 41


def test_a_body_may_come_byte_by_byte(engine):
    with engine.connect() as connection:
        for byte in request(engine, chat("Hi"), close=True):
            connection.sendall(bytes([byte]))
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 OK")


def test_it_says_continue_to_those_who_wait_for_it(engine):
    head, _, body = request(engine, chat("Hi"), close=True).partition(b"\r\n\r\n")
    with engine.connect() as connection:
        connection.sendall(head + b"\r\nexpect: 100-continue\r\n\r\n")
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(body)
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 OK")


def test_a_half_closed_connection_is_a_closed_one(engine):
    """As uvicorn has it: whoever stops sending gets no answer."""
    with engine.connect() as connection:
        connection.sendall(request(engine, chat("Hi"))[:-1])
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(100) == b""


@pytest.mark.parametrize("size", [70_000, 200_000])
def test_it_refuses_a_long_head(engine, size):
    answer = engine.raw(f"GET /{'x' * size} HTTP/1.1\r\nhost: e\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 431 ")


def test_an_idle_connection_is_closed(start):
    engine = start(SIMULATOR_KEEP_ALIVE_SECONDS="0.2")
    with engine.connect() as connection:
        connection.sendall(request(engine, chat("Hi")))
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 OK")
        assert connection.recv(1) == b""


def test_a_slow_reader_gets_fewer_and_larger_events(engine):
    """What could not be sent is merged, and nothing is lost."""
    body = chat("Hi", stream=True, max_tokens=4000, ignore_eos=True)
    with engine.connect() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sendall(request(engine, body, close=True))
        wait_until(lambda: engine.counter("num_requests_running") == 0)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    events = [
        json.loads(line[6:])
        for line in answer.split(b"\n")
        if line.startswith(b"data: {")
    ]
    assert len(events) < 4000
    assert events[-1]["usage"]["completion_tokens"] == 4000
    assert answer.endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n")


def test_the_socket_is_ours_alone(engine):
    assert stat.S_IMODE(engine.socket.stat().st_mode) == 0o600


def test_it_listens_on_loopback(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with run_simulator(tmp_path, ENGINE_SOCKET="", ENGINE_PORT=str(port)) as engine:
        answer = engine.raw(request(engine, chat("Hello"), close=True))
    assert answer.startswith(b"HTTP/1.1 200 OK")


def test_it_stops_within_two_seconds(tmp_path):
    """Even while it is answering; what is left is cut off."""
    with run_simulator(tmp_path, SIMULATOR_TOKENS_PER_SECOND="20") as engine:
        with engine.connect() as connection:
            body = chat("Hi", stream=True, max_tokens=4000, ignore_eos=True)
            connection.sendall(request(engine, body))
            assert connection.recv(100)
            started = time.monotonic()
            os.kill(engine.pid, signal.SIGTERM)
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
            assert b"[DONE]" not in answer
        wait_until(lambda: not engine.socket.exists(), seconds=2)
        assert time.monotonic() - started < 2


def test_it_tells_that_it_is_ready_and_then_absent(tmp_path):
    file = tmp_path / "run" / "engine_progress.json"
    with run_simulator(tmp_path, ENGINE_PROGRESS_FILE=str(file)) as engine:
        said = json.loads(file.read_text())
        assert (said["state"], said["is_simulator"]) == ("ready", True)
        assert (said["overall"], said["error"]) == (1.0, None)
        assert said["model"] == engine.model
    assert json.loads(file.read_text())["state"] == "absent"
