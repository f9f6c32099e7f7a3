"""Tools, structured output and responses with the official Python client."""

import json
from collections.abc import Iterator
from typing import Any

import pydantic
import pytest
from openai import OpenAI

from tests.metering.proxy.clients.conftest import Spoken
from tests.metering.proxy.clients.spoken_engine import CITY, PHRASE
from tests.metering.proxy.conftest import MODEL

PARAMETERS = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
CHAT_TOOL: Any = {
    "type": "function",
    "function": {"name": "weather", "parameters": PARAMETERS, "strict": True},
}
TOOL: Any = {
    "type": "function",
    "name": "weather",
    "parameters": PARAMETERS,
    "strict": True,
}
ASK: list[Any] = [{"role": "user", "content": "How cold is it in Oslo?"}]


def as_sent(message: Any) -> Any:
    """Back to the model as it came, as the documentation does it."""
    return message


class Weather(pydantic.BaseModel):
    city: str
    degrees: int


@pytest.fixture
def client(spoken: Spoken) -> Iterator[OpenAI]:
    url = f"{spoken.url}/v1"
    with OpenAI(api_key=spoken.secret, base_url=url, max_retries=0) as one:
        yield one


def test_a_tool_is_called_and_told_its_result(spoken: Spoken, client: OpenAI):
    asked = client.chat.completions.create(
        model=MODEL, messages=ASK, tools=[CHAT_TOOL], tool_choice="auto"
    )
    assert asked.choices[0].finish_reason == "tool_calls"
    (call,) = asked.choices[0].message.tool_calls or []
    assert call.type == "function"
    assert (call.function.name, call.function.arguments) == ("weather", CITY)
    told = client.chat.completions.create(
        model=MODEL,
        tools=[CHAT_TOOL],
        messages=[
            *ASK,
            as_sent(asked.choices[0].message),
            {"role": "tool", "tool_call_id": call.id, "content": "-3"},
        ],
    )
    assert told.choices[0].message.content == PHRASE
    assert spoken.engine.bodies[0]["tools"] == [CHAT_TOOL]
    assert spoken.engine.bodies[1]["messages"][1]["tool_calls"][0]["id"] == call.id
    spoken.billed(2)


def test_a_streamed_tool_call_is_put_together(spoken: Spoken, client: OpenAI):
    with client.chat.completions.stream(
        model=MODEL, messages=ASK, tools=[CHAT_TOOL]
    ) as stream:
        events = [one for one in stream if one.type.endswith("arguments.delta")]
        final = stream.get_final_completion()
    assert len(events) > 1
    (call,) = final.choices[0].message.tool_calls or []
    assert call.function.parsed_arguments == {"city": "Oslo"}
    spoken.billed(1)


@pytest.mark.parametrize("stream", [False, True])
def test_structured_output(spoken: Spoken, client: OpenAI, stream: bool):
    if stream:
        with client.chat.completions.stream(
            model=MODEL, messages=ASK, response_format=Weather
        ) as one:
            answer = one.get_final_completion()
    else:
        answer = client.chat.completions.parse(
            model=MODEL, messages=ASK, response_format=Weather
        )
    assert answer.choices[0].message.parsed == Weather(city="Oslo", degrees=-3)
    asked = spoken.engine.bodies[0]["response_format"]["json_schema"]
    assert asked["strict"] is True
    assert set(asked["schema"]["properties"]) == {"city", "degrees"}
    spoken.billed(1)


def test_a_response_calls_a_tool(spoken: Spoken, client: OpenAI):
    asked = client.responses.create(model=MODEL, input=ASK, tools=[TOOL])
    (call,) = asked.output
    assert call.type == "function_call"
    assert json.loads(call.arguments) == {"city": "Oslo"}
    told = client.responses.create(
        model=MODEL,
        tools=[TOOL],
        input=[
            *ASK,
            {
                "type": "function_call",
                "call_id": call.call_id,
                "name": call.name,
                "arguments": call.arguments,
            },
            {"type": "function_call_output", "call_id": call.call_id, "output": "-3"},
        ],
    )
    assert told.output_text == PHRASE
    spoken.billed(2)


def test_a_streamed_response_calls_a_tool(spoken: Spoken, client: OpenAI):
    with client.responses.stream(model=MODEL, input=ASK, tools=[TOOL]) as stream:
        pieces = [
            event.delta
            for event in stream
            if event.type == "response.function_call_arguments.delta"
        ]
        final = stream.get_final_response()
    assert "".join(pieces) == CITY
    assert final.output[0].type == "function_call"
    assert final.usage is not None
    assert final.usage.output_tokens == spoken.billed(1)[0].output_tokens


def test_a_response_in_a_schema(spoken: Spoken, client: OpenAI):
    answer = client.responses.parse(model=MODEL, input=ASK, text_format=Weather)
    assert answer.output_parsed == Weather(city="Oslo", degrees=-3)
    assert spoken.engine.bodies[0]["text"]["format"]["type"] == "json_schema"
    spoken.billed(1)
