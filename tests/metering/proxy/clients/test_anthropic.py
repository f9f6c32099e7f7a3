"""Anthropic's official Python client."""

import time
from collections.abc import Iterator
from typing import Any

import anthropic
import pytest
from anthropic import Anthropic, AsyncAnthropic

from metering.wire import Outcome
from tenants.domain import api_keys
from tests.metering.proxy.clients.conftest import Spoken
from tests.metering.proxy.clients.spoken_engine import PHRASE
from tests.metering.proxy.conftest import MODEL, Plane, until

ASK: list[Any] = [{"role": "user", "content": "Why is the sea salty?"}]
TOOL: Any = {
    "name": "weather",
    "description": "How cold it is",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}},
}


def client_of(url: str, secret: str, **options: Any) -> Anthropic:
    options = {"max_retries": 0, "timeout": 20, "api_key": secret, **options}
    return Anthropic(base_url=url, **options)


@pytest.fixture
def client(plane: Plane, secret: str) -> Iterator[Anthropic]:
    with client_of(plane.url, secret) as one:
        yield one


@pytest.fixture
def tool_client(spoken: Spoken) -> Iterator[Anthropic]:
    with client_of(spoken.url, spoken.secret) as one:
        yield one


def create(client: Anthropic, **fields: Any) -> anthropic.types.Message:
    fields = {"model": MODEL, "messages": ASK, "max_tokens": 8, **fields}
    message: anthropic.types.Message = client.messages.create(**fields)
    return message


def test_it_works(plane: Plane, client: Anthropic):
    answer = create(client, system="Be brief.", stop_sequences=["§"])
    assert answer.model == MODEL
    assert answer.content[0].type == "text"
    assert answer.content[0].text
    (event,) = plane.events()
    assert event.endpoint == "messages"
    usage = answer.usage
    cached = usage.cache_read_input_tokens or 0
    written = usage.cache_creation_input_tokens or 0
    assert usage.input_tokens + cached + written == event.input_tokens
    assert usage.output_tokens == event.output_tokens
    assert answer._request_id == f"req_{event.event_id}"


def test_a_key_in_either_header(plane: Plane, secret: str):
    with client_of(plane.url, secret, api_key=None, auth_token=secret) as client:
        assert create(client).content
    assert len(plane.events()) == 1


def test_a_stream_says_what_the_whole_answer_says(plane: Plane, client: Anthropic):
    whole = create(client, max_tokens=12)
    with client.messages.stream(model=MODEL, messages=ASK, max_tokens=12) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert whole.content[0].type == "text"
    assert text == whole.content[0].text
    assert final.stop_reason == whole.stop_reason
    first, second = plane.events()
    assert first.output_tokens == second.output_tokens == final.usage.output_tokens


def test_tokens_are_counted_as_they_are_billed(plane: Plane, client: Anthropic):
    counted = client.messages.count_tokens(model=MODEL, messages=ASK)
    create(client)
    event = plane.events()[-1]
    assert event.endpoint == "messages"
    assert counted.input_tokens == event.input_tokens


@pytest.mark.parametrize("stream", [False, True])
def test_a_tool_is_called_and_told_its_result(
    spoken: Spoken, tool_client: Anthropic, stream: bool
):
    fields: dict[str, Any] = {"model": MODEL, "max_tokens": 50, "tools": [TOOL]}
    if stream:
        with tool_client.messages.stream(messages=ASK, **fields) as one:
            pieces = [event for event in one if event.type == "input_json"]
            asked = one.get_final_message()
        assert len(pieces) > 1
    else:
        asked = tool_client.messages.create(messages=ASK, **fields)
    assert asked.stop_reason == "tool_use"
    (block,) = asked.content
    assert block.type == "tool_use"
    assert block.input == {"city": "Oslo"}
    result: Any = {"type": "tool_result", "tool_use_id": block.id, "content": "-3"}
    told = tool_client.messages.create(
        messages=[
            *ASK,
            {"role": "assistant", "content": asked.content},
            {"role": "user", "content": [result]},
        ],
        **fields,
    )
    assert told.content[0].type == "text"
    assert told.content[0].text == PHRASE
    assert spoken.engine.bodies[0]["tools"] == [TOOL]
    spoken.billed(2)


# Refusals arrive as the exception that the client's documentation names.


def error_type(error: anthropic.APIStatusError) -> str:
    body: Any = error.body
    assert body["request_id"] == error.request_id
    return str(body["error"]["type"])


def test_an_unknown_key(plane: Plane):
    with (
        client_of(plane.url, api_keys.make("live")) as client,
        pytest.raises(anthropic.AuthenticationError) as caught,
    ):
        create(client)
    assert error_type(caught.value) == "authentication_error"


def test_an_unknown_model(client: Anthropic):
    with pytest.raises(anthropic.NotFoundError) as caught:
        create(client, model="none")
    assert error_type(caught.value) == "not_found_error"


@pytest.mark.parametrize("stream", [False, True])
def test_a_bad_value(client: Anthropic, stream: bool):
    with pytest.raises(anthropic.BadRequestError) as caught:
        create(client, max_tokens=-1, stream=stream)
    assert error_type(caught.value) == "invalid_request_error"
    assert "max_tokens" in caught.value.message


def test_a_rate_limit(plane: Plane):
    with client_of(plane.url, plane.add_key(requests_per_minute=1)) as client:
        create(client)
        with pytest.raises(anthropic.RateLimitError) as caught:
            create(client)
    assert error_type(caught.value) == "rate_limit_error"
    assert 1 <= int(caught.value.response.headers["retry-after"]) <= 61


@pytest.mark.parametrize("stream", [False, True])
def test_an_engine_that_fails(plane: Plane, client: Anthropic, stream: bool):
    plane.order_fault("status:500", times=3)
    with pytest.raises(anthropic.InternalServerError) as caught:
        create(client, stream=stream)
    assert error_type(caught.value) == "api_error"
    assert plane.events() == []


def test_a_stream_that_breaks_off_raises(plane: Plane, client: Anthropic):
    plane.order_fault("die:3000")
    with (
        client.messages.stream(model=MODEL, messages=ASK, max_tokens=300) as stream,
        pytest.raises(anthropic.APIStatusError) as caught,
    ):
        list(stream)
    body: Any = caught.value.body
    assert body["error"]["type"] == "api_error"
    until(lambda: plane.metric("tokenfab_proxy_calls_in_flight") == 0)
    assert all(one.outcome is Outcome.ENGINE_FAILED for one in plane.events())


def test_a_busy_engine_is_asked_again_after_the_time_we_say(plane: Plane, secret: str):
    plane.order_fault("status:503", times=3)  # as often as the proxy itself tries
    began = time.monotonic()
    with client_of(plane.url, secret, max_retries=1) as client:
        raw = client.messages.with_raw_response.create(
            model=MODEL, messages=ASK, max_tokens=4
        )
    assert raw.retries_taken == 1
    assert time.monotonic() - began >= 1
    assert len(plane.events()) == 1


def test_what_no_retry_can_help_is_asked_once(plane: Plane):
    """More than the limit ever allows: 429 without end, had we not said so."""
    secret = plane.add_key(tokens_per_minute=100)
    with client_of(plane.url, secret, max_retries=5) as client:
        began = time.monotonic()
        with pytest.raises(anthropic.RateLimitError) as caught:
            create(client, max_tokens=3000)
    assert time.monotonic() - began < 0.5
    assert caught.value.response.headers["x-should-retry"] == "false"


def test_a_time_out_is_the_callers(plane: Plane, secret: str):
    plane.order_fault("slow:200")
    with (
        client_of(plane.url, secret, timeout=0.3) as client,
        pytest.raises(anthropic.APITimeoutError),
    ):
        create(client)
    (event,) = until(plane.events)
    assert event.outcome is Outcome.CLIENT_GONE


async def test_the_asynchronous_client(plane: Plane, secret: str):
    async with (
        AsyncAnthropic(base_url=plane.url, api_key=secret, max_retries=0) as client,
        client.messages.stream(model=MODEL, messages=ASK, max_tokens=6) as stream,
    ):
        text = [piece async for piece in stream.text_stream]
    assert "".join(text)
    assert len(plane.events()) == 1
