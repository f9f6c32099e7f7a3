"""The official client, as tenants use it: what it sends is served as it expects."""

import asyncio
import contextlib
import struct
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any, cast

import openai
import pytest
import redis
from openai import AsyncOpenAI, OpenAI
from openai.types.chat import ChatCompletionMessageParam

from metering.wire import Outcome, UsageSource
from tenants.domain import api_keys
from tests.metering.proxy.conftest import MODEL, Plane, until

MESSAGES: list[ChatCompletionMessageParam] = [
    {"role": "user", "content": "Why is the sea salty?"}
]
GENERATED = "vllm:generation_tokens_total"
# Milliseconds between tokens: what a busy machine may need to hear of an end.
SLOW = "slow:500"


@contextlib.contextmanager
def client_of(plane: Plane, secret: str, **options: Any) -> Iterator[OpenAI]:
    options = {"max_retries": 0, "timeout": 20, **options}
    with OpenAI(api_key=secret, base_url=f"{plane.url}/v1", **options) as client:
        yield client


@pytest.fixture
def client(plane: Plane, secret: str) -> Iterator[OpenAI]:
    with client_of(plane, secret) as one:
        yield one


@pytest.fixture
async def async_client(plane: Plane, secret: str) -> AsyncIterator[AsyncOpenAI]:
    options: dict[str, Any] = {"max_retries": 0, "timeout": 20}
    async with AsyncOpenAI(
        api_key=secret, base_url=f"{plane.url}/v1", **options
    ) as one:
        yield one


def test_it_works(plane: Plane, client: OpenAI):
    answer = client.chat.completions.create(
        model="default", messages=MESSAGES, max_tokens=8
    )
    assert answer.model == MODEL
    assert answer.choices[0].message.role == "assistant"
    assert answer.choices[0].message.content
    assert answer.choices[0].finish_reason in {"stop", "length"}
    (event,) = plane.events()
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (
        event.input_tokens,
        event.output_tokens,
    )


def test_models_are_listed_and_looked_up(client: OpenAI):
    assert [model.id for model in client.models.list()] == [MODEL]
    assert client.models.retrieve(MODEL).owned_by == "tokenfab"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("none")


def test_a_stream_says_what_the_whole_answer_says(plane: Plane, client: OpenAI):
    whole = client.chat.completions.create(
        model=MODEL, messages=MESSAGES, max_tokens=12
    )
    with client.chat.completions.create(
        model=MODEL, messages=MESSAGES, max_tokens=12, stream=True
    ) as stream:
        chunks = list(stream)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert text == whole.choices[0].message.content
    assert chunks[-1].choices[0].finish_reason == whole.choices[0].finish_reason
    first, second = plane.events()
    assert first.output_tokens == second.output_tokens


def test_a_stream_ends_with_its_usage_when_asked(plane: Plane, client: OpenAI):
    with client.chat.completions.create(
        model=MODEL,
        messages=MESSAGES,
        max_tokens=8,
        stream=True,
        stream_options={"include_usage": True},
    ) as stream:
        *others, last = stream
    (event,) = plane.events()
    assert all(chunk.choices for chunk in others)
    assert last.choices == []
    assert last.usage is not None
    assert last.usage.completion_tokens == event.output_tokens
    assert last.usage.total_tokens == event.input_tokens + event.output_tokens


def test_the_stream_helper_puts_the_answer_together(client: OpenAI):
    with client.chat.completions.stream(
        model=MODEL, messages=MESSAGES, stop=["e"]
    ) as stream:
        deltas = [event.delta for event in stream if event.type == "content.delta"]
        final = stream.get_final_completion()
    assert final.choices[0].message.content == "".join(deltas)


def test_completions_whole_and_streamed(plane: Plane, client: OpenAI):
    whole = client.completions.create(model=MODEL, prompt="Once upon", max_tokens=6)
    with client.completions.create(
        model=MODEL, prompt="Once upon", max_tokens=6, stream=True
    ) as stream:
        text = "".join(chunk.choices[0].text for chunk in stream)
    assert text == whole.choices[0].text
    assert [event.endpoint for event in plane.events()] == ["completions"] * 2
    assert [event.output_tokens for event in plane.events()] == [6, 6]


def test_several_answers_to_one_prompt(plane: Plane, client: OpenAI):
    answer = client.chat.completions.create(
        model=MODEL, messages=MESSAGES, max_tokens=5, n=2, extra_body={"min_tokens": 5}
    )
    assert [choice.index for choice in answer.choices] == [0, 1]
    (event,) = plane.events()
    assert answer.usage is not None
    assert event.output_tokens == answer.usage.completion_tokens == 10


def test_several_answers_in_one_stream(plane: Plane, client: OpenAI):
    with client.chat.completions.create(
        model=MODEL, messages=MESSAGES, max_tokens=5, n=2, stream=True
    ) as stream:
        seen = {choice.index for chunk in stream for choice in chunk.choices}
    assert seen == {0, 1}
    (event,) = plane.events()
    assert 2 <= event.output_tokens <= 10


def test_log_probabilities(client: OpenAI):
    answer = client.chat.completions.create(
        model=MODEL, messages=MESSAGES, max_tokens=4, logprobs=True, top_logprobs=2
    )
    logprobs = answer.choices[0].logprobs
    assert logprobs is not None
    assert logprobs.content is not None
    assert "".join(one.token for one in logprobs.content).startswith(
        answer.choices[0].message.content or "never"
    )
    assert all(len(one.top_logprobs) == 2 for one in logprobs.content)


def test_the_headers_say_the_request_and_the_limits(plane: Plane):
    secret = plane.add_key(requests_per_minute=5, tokens_per_minute=10_000)
    with client_of(plane, secret) as client:
        raw = client.chat.completions.with_raw_response.create(
            model=MODEL, messages=MESSAGES, max_tokens=4
        )
    (event,) = plane.events()
    assert raw.headers["x-request-id"] == f"req_{event.event_id}"
    assert raw.parse()._request_id == raw.headers["x-request-id"]
    assert raw.headers["x-ratelimit-limit-requests"] == "5"
    assert raw.headers["x-ratelimit-remaining-requests"] == "4"
    assert raw.headers["x-ratelimit-limit-tokens"] == "10000"
    assert int(raw.headers["x-ratelimit-remaining-tokens"]) < 10_000


# Refusals arrive as the exception that the client's documentation names.


def test_an_unknown_key(plane: Plane):
    with (
        client_of(plane, api_keys.make("live")) as client,
        pytest.raises(openai.AuthenticationError) as caught,
    ):
        client.chat.completions.create(model=MODEL, messages=MESSAGES)
    assert caught.value.code == "invalid_api_key"
    assert caught.value.request_id is not None
    assert caught.value.request_id.startswith("req_")


def test_a_forbidden_model(plane: Plane):
    secret = plane.add_key(allowed_models=("another",))
    with (
        client_of(plane, secret) as client,
        pytest.raises(openai.PermissionDeniedError) as caught,
    ):
        client.chat.completions.create(model=MODEL, messages=MESSAGES)
    assert (caught.value.code, caught.value.param) == ("model_not_allowed", "model")


def test_an_unknown_model(client: OpenAI):
    with pytest.raises(openai.NotFoundError) as caught:
        client.chat.completions.create(model="none", messages=MESSAGES)
    assert caught.value.code == "model_not_found"


def test_an_endpoint_that_we_do_not_have(client: OpenAI):
    with pytest.raises(openai.NotFoundError) as caught:
        client.moderations.create(input="x")
    assert caught.value.code == "unknown_url"


def test_an_endpoint_that_the_model_does_not_offer(client: OpenAI):
    with pytest.raises(openai.BadRequestError) as caught:
        client.embeddings.create(model=MODEL, input="x")
    assert caught.value.code == "endpoint_not_offered"


@pytest.mark.parametrize("stream", [False, True])
def test_a_bad_value(client: OpenAI, stream: bool):
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(
            model=MODEL, messages=MESSAGES, max_tokens=-1, stream=stream
        )
    assert caught.value.param == "max_tokens"
    assert caught.value.type == "invalid_request_error"


def test_a_value_that_only_the_engine_refuses(client: OpenAI):
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model=MODEL, messages=MESSAGES, temperature=-1)
    assert "temperature" in caught.value.message


def test_a_rate_limit(plane: Plane):
    with client_of(plane, plane.add_key(requests_per_minute=1)) as client:
        client.chat.completions.create(model=MODEL, messages=MESSAGES, max_tokens=2)
        with pytest.raises(openai.RateLimitError) as caught:
            client.chat.completions.create(model=MODEL, messages=MESSAGES)
    assert caught.value.code == "rate_limit_exceeded"
    assert 1 <= int(caught.value.response.headers["retry-after"]) <= 61


@pytest.mark.parametrize("stream", [False, True])
def test_an_engine_that_fails(plane: Plane, client: OpenAI, stream: bool):
    plane.order_fault("status:500", times=3)
    with pytest.raises(openai.InternalServerError) as caught:
        client.chat.completions.create(model=MODEL, messages=MESSAGES, stream=stream)
    assert caught.value.status_code == 502
    assert plane.events() == []


def test_a_stream_that_breaks_off_raises(plane: Plane, client: OpenAI):
    """An answer cut short must not look like one that ended."""
    plane.order_fault("die:3000")
    with (
        client.chat.completions.create(
            model=MODEL, messages=MESSAGES, max_tokens=100, stream=True
        ) as stream,
        pytest.raises(openai.APIError) as caught,
    ):
        list(stream)
    assert caught.value.code == "engine_unavailable"
    (event,) = plane.events()
    assert event.outcome is Outcome.ENGINE_FAILED


def test_a_busy_engine_is_asked_again_after_the_time_we_say(plane: Plane, secret: str):
    plane.order_fault("status:503", times=3)  # as often as the proxy itself tries
    began = time.monotonic()
    with client_of(plane, secret, max_retries=3) as client:
        raw = client.chat.completions.with_raw_response.create(
            model=MODEL, messages=MESSAGES, max_tokens=4
        )
    # An engine too busy to tell its health in time has the client asked once more.
    assert raw.retries_taken >= 1
    assert time.monotonic() - began >= raw.retries_taken
    assert len(plane.events()) == 1


def test_a_rate_limited_call_is_made_again_when_the_window_has_room(
    plane: Plane, valkey: redis.Redis
):
    """The window is filled by a call of 57 seconds ago, so the wait is a short one."""
    secret = plane.add_key(requests_per_minute=1)
    with client_of(plane, secret, max_retries=1) as client:
        client.chat.completions.create(model=MODEL, messages=MESSAGES, max_tokens=4)
        (window,) = valkey.keys(f"tokenfab:limit:{{1}}:key:{plane.keys_made}:minute")
        (bucket,) = struct.unpack("<d", cast("bytes", valkey.getrange(window, 0, 7)))
        valkey.setrange(window, 0, struct.pack("<d", bucket - 4 * 57))
        began = time.monotonic()
        raw = client.chat.completions.with_raw_response.create(
            model=MODEL, messages=MESSAGES, max_tokens=4
        )
    assert raw.retries_taken == 1
    assert 0.5 <= time.monotonic() - began < 8
    assert len(plane.events()) == 2


# The asynchronous client.


async def test_the_asynchronous_client(plane: Plane, async_client: AsyncOpenAI):
    answers = await asyncio.gather(
        *(
            async_client.chat.completions.create(
                model=MODEL, messages=MESSAGES, max_tokens=4
            )
            for _ in range(8)
        )
    )
    assert len({answer.id for answer in answers}) == 8
    stream = await async_client.chat.completions.create(
        model=MODEL, messages=MESSAGES, max_tokens=4, stream=True
    )
    assert [chunk async for chunk in stream]
    assert len(plane.events()) == 9


async def test_a_cancelled_stream_is_billed_as_far_as_the_engine_came(
    plane: Plane, async_client: AsyncOpenAI
):
    plane.order_fault(SLOW)
    before = plane.counters()[GENERATED]
    third = asyncio.Event()

    async def listen() -> None:
        stream = await async_client.chat.completions.create(
            model=MODEL, messages=MESSAGES, max_tokens=500, stream=True
        )
        seen = 0
        async for chunk in stream:
            seen += bool(chunk.choices[0].delta.content)
            if seen == 3:
                third.set()

    listening = asyncio.create_task(listen())
    await asyncio.wait_for(third.wait(), 10)
    listening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await listening
    assert_billed_as_counted(plane, before)


def test_a_closed_stream_is_billed_as_far_as_the_engine_came(
    plane: Plane, client: OpenAI
):
    plane.order_fault(SLOW)
    before = plane.counters()[GENERATED]
    stream = client.chat.completions.create(
        model=MODEL, messages=MESSAGES, max_tokens=500, stream=True
    )
    for _, _chunk in zip(range(4), stream, strict=False):
        pass
    stream.close()
    assert_billed_as_counted(plane, before)


def assert_billed_as_counted(plane: Plane, generated_before: float) -> None:
    (event,) = until(plane.events)
    assert event.outcome is Outcome.CLIENT_GONE
    assert event.usage_source is UsageSource.ENGINE
    until(lambda: plane.counters()["vllm:num_requests_running"] == 0)
    assert plane.counters()[GENERATED] - generated_before == event.output_tokens
    assert 3 <= event.output_tokens < 500
