"""The faults befall every dialect, each in the words of its own."""

import json
import time

import httpx
import pytest

from tests.engine_contract.dialects import MESSAGES, RESPONSES, both_dialects
from tests.engine_contract.engines import wait_until

CHAT = "/v1/chat/completions"
HELLO = [{"role": "user", "content": "Hello"}]


def post(engine, dialect, fault, ceiling=20, **fields):
    body = dialect.body("Hello", ceiling) | fields
    return engine.post(dialect.path, body, **{"x-simulator-fault": fault})


@both_dialects
def test_it_works(engine, dialect):
    assert post(engine, dialect, "").status_code == 200
    assert post(engine, dialect, "", stream=True).status_code == 200


def test_a_status_comes_in_the_shape_of_the_dialect(engine):
    answer = post(engine, RESPONSES, "status:503")
    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == 503
    answer = post(engine, MESSAGES, "status:503")
    assert answer.status_code == 503
    assert answer.json() == {
        "type": "error",
        "error": {"type": "Service Unavailable", "message": "A fault was asked for."},
    }


@both_dialects
@pytest.mark.parametrize("bytes_left", [0, 30, 900])
def test_it_dies_after_so_many_bytes(engine, dialect, bytes_left):
    body = json.dumps({"stream": True, "model": engine.model} | dialect.body("Hi", 99))
    answer = engine.raw(
        f"POST {dialect.path} HTTP/1.1\r\nhost: e\r\n"
        f"authorization: Bearer {engine.key}\r\n"
        f"content-type: application/json\r\nx-simulator-fault: die:{bytes_left}\r\n"
        f"content-length: {len(body)}\r\n\r\n{body}".encode()
    )
    assert len(answer) == bytes_left
    wait_until(lambda: engine.counter("num_requests_running") == 0)


@both_dialects
def test_it_hangs(engine, dialect):
    body = dialect.body("Hello", 20) | {"stream": True, "model": engine.model}
    with (
        engine.client(**{"x-simulator-fault": "hang:300"}) as client,
        pytest.raises(httpx.ReadTimeout),
    ):
        client.post(dialect.path, json=body, timeout=0.3)


@both_dialects
def test_it_is_slow(engine, dialect):
    started = time.monotonic()
    assert post(engine, dialect, "slow:30", ceiling=5).status_code == 200
    assert time.monotonic() - started >= 4 * 0.03


@both_dialects
def test_it_leaves_usage_out(engine, dialect):
    assert not post(engine, dialect, "no-usage").json().get("usage")
    answer = post(engine, dialect, "no-usage", stream=True)
    events = [
        json.loads(line[6:])
        for line in answer.text.splitlines()
        if line.startswith("data: ")
    ]
    assert events[-1]["type"] in {"response.completed", "message_stop"}
    assert "input_tokens" not in answer.text


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (CHAT, {"messages": HELLO, "max_tokens": 20}),
        (RESPONSES.path, RESPONSES.body("Hello", 20)),
        (MESSAGES.path, MESSAGES.body("Hello", 20)),
    ],
)
def test_its_engine_dies_before_a_whole_answer(engine, path, body):
    answer = engine.post(path, body, **{"x-simulator-fault": "break:5"})
    assert answer.status_code == 500
    assert answer.json()["error"]["type"] == "InternalServerError"
    assert engine.counter("num_requests_running") == 0


def test_its_engine_dies_in_the_middle_of_a_chat(engine):
    body = {"messages": HELLO, "max_tokens": 20, "stream": True}
    answer = engine.post(CHAT, body, **{"x-simulator-fault": "break:5"})
    *_, error, done = answer.text.split("\n\n")[:-1]
    assert json.loads(error[6:])["error"]["type"] == "InternalServerError"
    assert done == "data: [DONE]"


def test_its_engine_dies_in_the_middle_of_a_message(engine):
    """The stream ends well, with an error that tells too much, and without a stop."""
    answer = post(engine, MESSAGES, "break:5", stream=True)
    assert answer.text.count("event: content_block_delta") == 4
    last = answer.text.split("\n\n")[-2]
    assert last.startswith("event: error\ndata: ")
    assert "message_delta" not in answer.text


def test_its_engine_dies_in_the_middle_of_a_response(engine):
    """The stream is cut, without any word."""
    with pytest.raises(httpx.RemoteProtocolError, match="incomplete chunked read"):
        post(engine, RESPONSES, "break:5", stream=True)


def test_a_response_begins_before_its_prompt_is_read(start):
    engine = start(SIMULATOR_TTFT_MS="60000")
    asked = RESPONSES.body("Hello", 5) | {"stream": True, "model": engine.model}
    with (
        engine.client() as client,
        client.stream("POST", RESPONSES.path, json=asked) as answer,
    ):
        lines = answer.iter_lines()
        kinds = [next(lines) for _ in range(6)][::3]
    assert kinds == ["event: response.created", "event: response.in_progress"]
