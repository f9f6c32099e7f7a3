"""What both engines refuse, and in which shape."""

import pytest

CHAT = "/v1/chat/completions"
MESSAGES = [{"role": "user", "content": "Hello"}]


def refuse(engine, body, *, path=CHAT):
    answer = engine.post(path, body)
    error = answer.json()["error"]
    assert list(error) == ["message", "type", "param", "code"]
    assert error["code"] == answer.status_code
    assert answer.headers["content-type"] == "application/json"
    return error


@pytest.mark.parametrize("path", [CHAT, "/v1/completions"])
def test_it_refuses_an_unknown_model(engine, path):
    body = {"model": "nope", "messages": MESSAGES, "prompt": "Hello"}
    error = refuse(engine, body, path=path)
    assert error == {
        "message": f"The model `nope` does not exist. Valid aliases: {engine.model}.",
        "type": "NotFoundError",
        "param": "model",
        "code": 404,
    }


@pytest.mark.parametrize("stream", [False, True])
def test_it_refuses_a_prompt_beyond_the_context(engine, stream):
    long = [{"role": "user", "content": "word and word " * 2500}]
    error = refuse(engine, {"messages": long, "stream": stream})
    assert error["type"] == "BadRequestError"
    assert error["param"] == "input_tokens"
    assert "maximum context length is 4096 tokens" in error["message"]
    assert error["message"].endswith("(parameter=input_tokens, value=4097)")


def test_it_refuses_a_ceiling_beyond_the_context(engine):
    error = refuse(engine, {"messages": MESSAGES, "max_tokens": 100_000})
    assert error == {
        "message": "max_tokens=100000 cannot be greater than max_model_len=4096. "
        "Please request fewer output tokens. (parameter=max_tokens, value=100000)",
        "type": "BadRequestError",
        "param": "max_tokens",
        "code": 400,
    }


def test_it_refuses_a_ceiling_below_one(engine):
    error = refuse(engine, {"messages": MESSAGES, "max_tokens": -1})
    assert error["message"] == (
        "max_tokens must be at least 1, got -1. (parameter=max_tokens, value=-1)"
    )


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("temperature", "hot"),
        ("max_tokens", "many"),
        ("stream", "perhaps"),
        ("stop", 5),
        ("n", []),
    ],
)
def test_it_refuses_a_wrong_type(engine, field, value):
    error = refuse(engine, {"messages": MESSAGES, field: value})
    assert error["code"] == 400
    assert error["type"] == "Bad Request"
    assert error["param"].startswith(f"body.{field}")


@pytest.mark.parametrize(
    ("fields", "kind", "param"),
    [
        ({"temperature": 3}, "BadRequestError", "temperature"),
        ({"top_p": 0}, "BadRequestError", "top_p"),
        ({"n": 0}, "BadRequestError", None),
        ({"n": 20_000}, "BadRequestError", None),
        ({"n": 2, "temperature": 0}, "BadRequestError", None),
        ({"presence_penalty": 5}, "BadRequestError", None),
        ({"frequency_penalty": -3}, "BadRequestError", None),
        ({"seed": 2**63}, "Bad Request", "body.seed"),
        ({"stop": ["a"] * 5}, "Bad Request", "body.stop"),
        ({"min_tokens": 5, "max_tokens": 2}, "BadRequestError", None),
        ({"max_completion_tokens": 5000}, "BadRequestError", "max_completion_tokens"),
        ({"top_logprobs": 2}, "BadRequestError", "top_logprobs"),
        ({"logprobs": True, "top_logprobs": 50}, "BadRequestError", "logprobs"),
        (
            {"stream_options": {"include_usage": True}},
            "BadRequestError",
            "stream_options",
        ),
        ({"tools": []}, "BadRequestError", "tools"),
        ({"tool_choice": "auto"}, "BadRequestError", "tool_choice"),
        ({"cache_salt": ""}, "BadRequestError", "cache_salt"),
        ({"cache_salt": "a@b"}, "BadRequestError", "cache_salt"),
        ({"cache_salt": "x" * 129}, "BadRequestError", "cache_salt"),
        ({"messages": []}, "BadRequestError", None),
    ],
)
def test_it_refuses_a_value_out_of_range(engine, fields, kind, param):
    error = refuse(engine, {"messages": MESSAGES} | fields)
    assert (error["code"], error["type"], error["param"]) == (400, kind, param)


@pytest.mark.parametrize(
    ("fields", "kind", "param"),
    [
        ({"prompt": ""}, "BadRequestError", "prompt"),
        ({"prompt": []}, "BadRequestError", None),
        ({"prompt": [99_999]}, "BadRequestError", None),
        ({"prompt": [-1]}, "Bad Request", "body.prompt.0"),
        ({"prompt": "a", "max_tokens": 0}, "BadRequestError", "max_tokens"),
        ({"prompt": "a", "suffix": "b"}, "BadRequestError", "suffix"),
        ({"prompt": [5] * 4097}, "BadRequestError", "input_tokens"),
    ],
)
def test_it_refuses_a_prompt_that_cannot_be(engine, fields, kind, param):
    error = refuse(engine, fields, path="/v1/completions")
    assert (error["code"], error["type"], error["param"]) == (400, kind, param)


def test_it_refuses_missing_messages(engine):
    error = refuse(engine, {})
    assert error["type"] == "Bad Request"
    assert error["param"] == "body.messages"


@pytest.mark.parametrize("body", [b'{"model": nope', b"", b"[1]", b"\xff\xfe"])
def test_it_refuses_a_body_that_is_no_json_object(engine, body):
    with engine.client(**{"content-type": "application/json"}) as client:
        answer = client.post(CHAT, content=body)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["type"] == "Bad Request"
    assert error["param"].startswith("body")


def test_it_refuses_another_content_type(engine):
    with engine.client() as client:
        answer = client.post(CHAT, content=b"{}")
    assert answer.status_code == 400
    assert answer.json()["error"]["message"].endswith(
        "Unsupported Media Type: Only 'application/json' is allowed"
    )


def test_it_refuses_what_is_not_http(engine):
    answer = engine.raw(b"NOT HTTP\r\n\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b"\r\nconnection: close" in head
    assert body == b"Invalid HTTP request received."


def test_a_refusal_moves_no_counter(engine):
    before = engine.counter("prompt_tokens_total")
    refuse(engine, {"model": "nope", "messages": MESSAGES})
    assert engine.counter("prompt_tokens_total") == before
