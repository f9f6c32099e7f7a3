import pytest

from tests.engine_contract.dialects import RESPONSES

PATH = "/v1/responses"
ANSWER = [
    "id",
    "created_at",
    "incomplete_details",
    "instructions",
    "metadata",
    "model",
    "object",
    "output",
    "parallel_tool_calls",
    "temperature",
    "tool_choice",
    "tools",
    "top_p",
    "background",
    "max_output_tokens",
    "max_tool_calls",
    "previous_response_id",
    "prompt",
    "reasoning",
    "service_tier",
    "status",
    "text",
    "top_logprobs",
    "truncation",
    "usage",
    "user",
    "presence_penalty",
    "frequency_penalty",
    "kv_transfer_params",
    "ec_transfer_params",
    "input_messages",
    "output_messages",
]
USAGE = [
    "input_tokens",
    "input_tokens_details",
    "output_tokens",
    "output_tokens_details",
    "total_tokens",
]
TOOL = {
    "type": "function",
    "name": "get_weather",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}


def respond(engine, **fields):
    answer = engine.post(PATH, {"input": "Hello", "max_output_tokens": 3} | fields)
    assert answer.status_code == 200, answer.text
    return answer.json()


def refuse(engine, **fields):
    answer = engine.post(PATH, {"input": "Hello", "max_output_tokens": 3} | fields)
    error = answer.json()["error"]
    assert list(error) == ["message", "type", "param", "code"]
    assert error["code"] == answer.status_code
    return error


def test_it_works(engine):
    answer = respond(
        engine,
        input="What is the capital of France?",
        max_output_tokens=400,
        temperature=0,  # or a model may now and then not find an end
    )
    assert list(answer) == ANSWER
    assert answer["object"] == "response"
    assert answer["id"].startswith("resp_")
    assert answer["status"] == "completed"
    assert answer["incomplete_details"] is None
    (item,) = answer["output"]
    assert list(item) == ["id", "content", "role", "status", "type", "phase"]
    assert item["id"].startswith("msg_")
    (part,) = item["content"]
    assert list(part) == ["annotations", "text", "type", "logprobs"]
    assert "France" in part["text"]
    assert list(answer["usage"]) == USAGE


def test_it_ends_at_the_ceiling(engine):
    answer = respond(engine, max_output_tokens=4, ignore_eos=True)
    assert answer["status"] == "incomplete"
    assert answer["incomplete_details"] == {"reason": "max_output_tokens"}
    assert answer["output"][0]["status"] == "completed"
    assert answer["max_output_tokens"] == 4
    assert answer["usage"]["output_tokens"] == 4


def test_a_ceiling_beyond_the_context_is_lowered(engine):
    answer = respond(
        engine, max_output_tokens=4096, temperature=0, stop=["l", "n", "o"]
    )
    room = 4096 - answer["usage"]["input_tokens"]
    assert answer["max_output_tokens"] == room


def test_it_streams(engine):
    events = RESPONSES.stream(engine, "Hello", 4)
    kinds = [event["type"] for event in events]
    assert kinds == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        *["response.output_text.delta"] * 4,
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    texts = [event["delta"] for event in events if "delta" in event]
    assert "".join(texts) == events[-4]["text"]
    assert list(events[-4])[-3:] == ["sequence_number", "text", "type"]


def test_a_stream_tells_usage_in_its_last_event_alone(engine):
    *running, final = RESPONSES.stream(engine, "Hello", 4)
    assert [list(event["response"]) for event in running[:2]] == [ANSWER, ANSWER]
    assert all(event["response"]["usage"] is None for event in running[:2])
    assert all("usage" not in event for event in running[2:])
    assert list(final["response"]) == ANSWER
    assert list(final["response"]["usage"]) == USAGE
    # Cut at the ceiling, and still "completed" by name.
    assert final["response"]["status"] == "incomplete"
    assert final["response"]["usage"]["output_tokens"] == 4


def test_the_id_is_not_the_request_id(engine):
    body = {"input": "Hi", "max_output_tokens": 1}
    answer = engine.post(PATH, body, **{"x-request-id": "r-42"})
    assert answer.headers["x-request-id"] == "r-42"
    assert "r-42" not in answer.json()["id"]


def test_the_body_may_choose_the_id(engine):
    """Which is why a proxy must not let it through."""
    assert respond(engine, request_id="mine-1")["id"] == "mine-1"


def test_instructions_are_a_system_message(engine):
    answer = respond(engine, instructions="Be brief.")
    assert answer["instructions"] == "Be brief."
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hello"},
    ]
    counted = engine.post("/tokenize", {"messages": messages}).json()
    assert answer["usage"]["input_tokens"] == counted["count"]


def test_input_may_be_a_conversation(engine):
    said = [
        {"role": "user", "content": [{"type": "input_text", "text": "Hi"}]},
        {
            "type": "message",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "Hello."}],
        },
        {"role": "user", "content": "And then?"},
    ]
    plain = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello."},
        {"role": "user", "content": "And then?"},
    ]
    answer = respond(engine, input=said)
    counted = engine.post("/tokenize", {"messages": plain}).json()
    assert answer["usage"]["input_tokens"] == counted["count"]


def test_tools_are_told_back_and_not_used(engine):
    """Without a tool parser the model just answers, whatever was chosen."""
    answer = respond(engine, tools=[TOOL], tool_choice="required")
    assert answer["output"][0]["type"] == "message"
    assert answer["tools"][0]["name"] == "get_weather"
    assert answer["tools"][0]["strict"] is None
    assert answer["tool_choice"] == "required"


def test_the_results_of_tools_are_understood(engine):
    items = [
        {"role": "user", "content": "Weather in Paris?"},
        {
            "type": "function_call",
            "call_id": "c1",
            "name": "get_weather",
            "arguments": '{"city":"Paris"}',
        },
        {"type": "function_call_output", "call_id": "c1", "output": "sunny"},
    ]
    assert respond(engine, input=items)["usage"]["output_tokens"] <= 3


def test_probabilities_come_when_asked_for(engine):
    fields = {"include": ["message.output_text.logprobs"], "top_logprobs": 2}
    answer = respond(engine, **fields, ignore_eos=True)
    logprobs = answer["output"][0]["content"][0]["logprobs"]
    assert len(logprobs) == 3
    assert list(logprobs[0]) == ["token", "bytes", "logprob", "top_logprobs"]
    assert answer["top_logprobs"] == 2
    events = RESPONSES.stream(engine, "Hello", 3, **fields)
    deltas = [event for event in events if "delta" in event]
    assert list(deltas[0]["logprobs"][0]) == ["token", "logprob", "top_logprobs"]


def test_what_the_caller_says_of_himself_is_told_back(engine):
    answer = respond(engine, metadata={"k": "v"}, user="u1")
    assert (answer["metadata"], answer["user"]) == ({"k": "v"}, "u1")


def test_secrets_are_not_told_back(engine):
    answer = engine.post(
        PATH,
        {
            "input": "Hi",
            "max_output_tokens": 1,
            "cache_salt": "salt-of-the-sea",
            "kv_transfer_params": {"a": "secret"},
        },
    )
    assert answer.status_code == 200
    assert "salt-of-the-sea" not in answer.text
    assert "secret" not in answer.text


@pytest.mark.parametrize("store", [True, False])
def test_nothing_is_stored(engine, store):
    answer = respond(engine, store=store)
    with engine.client() as client:
        path = f"{PATH}/{answer['id']}"
        answers = [client.get(path), client.post(f"{path}/cancel")]
        assert client.delete(path).status_code == 405
        assert client.get(f"{path}/input_items").status_code == 404
    for again in answers:
        assert again.status_code == 404
        assert again.json()["error"] == {
            "message": f"Response with id '{answer['id']}' not found.",
            "type": "invalid_request_error",
            "param": "response_id",
            "code": 404,
        }
    assert refuse(engine, previous_response_id=answer["id"])["code"] == 404


@pytest.mark.parametrize("store", [True, False])
def test_it_refuses_the_background(engine, store):
    error = refuse(engine, background=True, store=store)
    assert (error["code"], error["param"]) == (400, "background")


@pytest.mark.parametrize(
    ("fields", "kind", "param"),
    [
        ({"model": "nope"}, "NotFoundError", "model"),
        ({"input": "word and word " * 2500}, "BadRequestError", "input_tokens"),
        ({"max_output_tokens": 10**6}, "BadRequestError", "max_output_tokens"),
        ({"max_output_tokens": 0}, "BadRequestError", "max_tokens"),
        ({"temperature": 9}, "BadRequestError", "temperature"),
        ({"temperature": "hot"}, "Bad Request", "body.temperature"),
        ({"input": None}, "Bad Request", "body.input"),
        ({"input": []}, "BadRequestError", None),
        ({"input": [{"role": 5, "content": "x"}]}, "Bad Request", "body.input"),
        ({"prompt": {"id": "p"}}, "BadRequestError", "prompt"),
        ({"cache_salt": ""}, "BadRequestError", "cache_salt"),
        ({"cache_salt": "a@b"}, "BadRequestError", "cache_salt"),
        ({"tool_choice": "required"}, "BadRequestError", "tool_choice"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_it_refuses(engine, fields, kind, param, stream):
    error = refuse(engine, **fields, stream=stream)
    assert error["type"] == kind
    # A wrong input is named with the first of the many forms that it could have.
    assert error["param"] == param or error["param"].startswith(f"{param}.")


def test_a_long_prompt_may_lose_its_beginning(engine):
    answer = respond(engine, input="word and word " * 2500, truncation="auto")
    assert answer["usage"]["input_tokens"] == 4095
    assert answer["max_output_tokens"] == 1


def test_unknown_fields_are_ignored(engine):
    answer = respond(engine, frobnicate=1, n=4, ignore_eos=True)
    assert len(answer["output"]) == 1
    assert answer["usage"]["output_tokens"] == 3
