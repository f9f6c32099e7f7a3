import pytest

from tests.engine_contract.dialects import MESSAGES

PATH = "/v1/messages"
HELLO = [{"role": "user", "content": "Hello"}]
CAPITAL = [{"role": "user", "content": "What is the capital of France?"}]
TOOL = {"name": "get_weather", "input_schema": {"type": "object", "properties": {}}}
USAGE = [
    "input_tokens",
    "output_tokens",
    "cache_creation_input_tokens",
    "cache_read_input_tokens",
]
ANSWER = ["id", "type", "role", "content", "model", "stop_reason", "usage"]


def send(engine, **fields):
    answer = engine.post(PATH, {"messages": HELLO, "max_tokens": 3} | fields)
    assert answer.status_code == 200, answer.text
    return answer.json()


def refuse(engine, **fields):
    """(status, error) in Anthropic's shape."""
    answer = engine.post(PATH, {"messages": HELLO, "max_tokens": 3} | fields)
    body = answer.json()
    assert list(body) == ["type", "error"]
    assert body["type"] == "error"
    assert list(body["error"]) == ["type", "message"]
    return answer.status_code, body["error"]


def test_it_works(engine):
    answer = send(engine, messages=CAPITAL, max_tokens=400, temperature=0)
    assert list(answer) == ANSWER
    assert (answer["type"], answer["role"]) == ("message", "assistant")
    (block,) = answer["content"]
    assert list(block) == ["type", "text"]
    assert "France" in block["text"]
    assert answer["stop_reason"] == "end_turn"
    assert list(answer["usage"]) == USAGE


def test_it_ends_at_the_ceiling(engine):
    answer = send(engine, messages=CAPITAL, max_tokens=2)
    assert answer["stop_reason"] == "max_tokens"
    assert answer["usage"]["output_tokens"] == 2


def test_it_ends_at_a_stop_sequence(engine):
    answer = send(
        engine, messages=CAPITAL, max_tokens=60, temperature=0, stop_sequences=["e"]
    )
    assert list(answer) == [*ANSWER[:-1], "stop_sequence", "usage"]
    assert answer["stop_reason"] == "stop_sequence"
    assert answer["stop_sequence"] == "e"
    assert "e" not in answer["content"][0]["text"]


def test_it_streams(engine):
    events = engine.events(PATH, {"messages": CAPITAL, "max_tokens": 4})
    assert [event["type"] for event in events] == [
        "message_start",
        "content_block_start",
        *["content_block_delta"] * 4,
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    started, final = events[0]["message"], events[-2]
    assert list(started) == [
        "id",
        "type",
        "role",
        "content",
        "model",
        "stop_reason",
        "stop_sequence",
        "usage",
    ]
    assert final["delta"] == {"stop_reason": "max_tokens", "stop_sequence": None}
    assert events[-1] == {"type": "message_stop"}


def test_a_stream_tells_the_prompt_first_and_the_rest_last(engine, new_prompt):
    prompt = new_prompt()
    MESSAGES.ask(engine, prompt, 1)
    events = MESSAGES.stream(engine, prompt, 4)
    final = MESSAGES.streamed_cost(events)
    assert final.cached > 0
    # The whole prompt, whatever was cached; the final figure is what was not.
    assert events[0]["message"]["usage"] == {
        "input_tokens": final.prompt,
        "output_tokens": 0,
    }
    assert list(events[-2]["usage"]) == USAGE
    assert not any("usage" in event for event in events[1:-2])


def test_the_request_id_is_taken_over(engine):
    body = {"messages": HELLO, "max_tokens": 1}
    answer = engine.post(PATH, body, **{"x-request-id": "r-42"})
    assert answer.headers["x-request-id"] == "r-42"
    assert answer.json()["id"] == "chatcmpl-r-42"


@pytest.mark.parametrize(
    "system", ["Be brief.", [{"type": "text", "text": "Be brief."}]]
)
def test_the_system_prompt_stands_first(engine, system):
    usage = send(engine, system=system)["usage"]
    messages = [{"role": "system", "content": "Be brief."}, *HELLO]
    counted = engine.post("/tokenize", {"messages": messages}).json()
    assert MESSAGES.tokens(usage).prompt == counted["count"]


def test_the_results_of_tools_are_understood(engine):
    turns = [
        {"role": "user", "content": "Weather in Paris?"},
        {
            "role": "assistant",
            "content": [
                {"type": "tool_use", "id": "t1", "name": "get_weather", "input": {}}
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "t1", "content": "sunny"}
            ],
        },
    ]
    assert send(engine, messages=turns)["usage"]["output_tokens"] <= 3
    none = {"tools": [TOOL], "tool_choice": {"type": "none"}}
    assert send(engine, messages=turns, **none)["usage"]["output_tokens"] <= 3


@pytest.mark.parametrize(
    "choice", [None, {"type": "any"}, {"type": "tool", "name": "get_weather"}]
)
def test_it_refuses_tools(engine, choice):
    """They need a parser for the model's way of calling them."""
    status, error = refuse(engine, tools=[TOOL], tool_choice=choice)
    assert status == 400
    assert "--tool-call-parser" in error["message"]


def test_secrets_are_not_told_back(engine):
    fields = {"cache_salt": "salt-of-the-sea", "kv_transfer_params": {"a": "secret"}}
    answer = engine.post(PATH, {"messages": HELLO, "max_tokens": 1} | fields)
    assert answer.status_code == 200
    assert "salt-of-the-sea" not in answer.text
    assert "secret" not in answer.text


@pytest.mark.parametrize(
    ("fields", "status", "kind"),
    [
        ({"model": "nope"}, 404, "NotFoundError"),
        (
            {"messages": [{"role": "user", "content": "word and " * 4000}]},
            400,
            "BadRequestError",
        ),
        ({"messages": []}, 400, "BadRequestError"),
        ({"max_tokens": 10**6}, 400, "BadRequestError"),
        ({"temperature": 9}, 400, "BadRequestError"),
        ({"cache_salt": "a@b"}, 400, "BadRequestError"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_it_refuses(engine, fields, status, kind, stream):
    assert refuse(engine, **fields, stream=stream)[0] == status
    assert refuse(engine, **fields, stream=stream)[1]["type"] == kind


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"max_tokens": 0}, "body.max_tokens"),
        ({"max_tokens": None}, "body.max_tokens"),
        ({"model": None}, "body.model"),
        ({"cache_salt": ""}, "body.cache_salt"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "body.messages.0.role"),
    ],
)
def test_it_refuses_a_wrong_shape_in_the_other_shape(engine, fields, param):
    """What is refused before the dialect is known comes in OpenAI's shape."""
    answer = engine.post(PATH, {"messages": HELLO, "max_tokens": 3} | fields)
    error = answer.json()["error"]
    assert answer.status_code == 400
    assert (error["type"], error["param"]) == ("Bad Request", param)


def test_it_wants_the_key_as_a_bearer_token(engine):
    body = {"messages": HELLO, "max_tokens": 1}
    answer = engine.post(PATH, body, authorization="", **{"x-api-key": engine.key})
    assert answer.status_code == 401
    assert answer.json() == {"error": "Unauthorized"}


def test_unknown_fields_are_ignored(engine):
    answer = send(engine, messages=CAPITAL, frobnicate=1, n=4)
    assert answer["usage"]["output_tokens"] == 3
