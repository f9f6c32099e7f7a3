"""OpenAI's official Python client beyond chats: responses, embeddings, images."""

import time
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from openai import OpenAI

from inference.wire import Task
from metering.wire import Outcome
from tests.metering.proxy.conftest import IMAGE_RATE, MODEL, MODELS, Plane, until

MESSAGES: list[Any] = [{"role": "user", "content": "Why is the sea salty?"}]


def client_of(plane: Plane, secret: str, **options: Any) -> OpenAI:
    options = {"max_retries": 0, "timeout": 20, **options}
    return OpenAI(api_key=secret, base_url=f"{plane.url}/v1", **options)


@pytest.fixture
def client(plane: Plane, secret: str) -> Iterator[OpenAI]:
    with client_of(plane, secret) as one:
        yield one


def test_a_response(plane: Plane, client: OpenAI):
    answer = client.responses.create(
        model=MODEL, input="Once upon", instructions="Be brief.", max_output_tokens=8
    )
    assert answer.output_text
    (event,) = plane.events()
    assert answer.usage is not None
    assert answer.usage.input_tokens == event.input_tokens
    assert answer.usage.output_tokens == event.output_tokens


def test_a_streamed_response_says_the_same(plane: Plane, client: OpenAI):
    whole = client.responses.create(model=MODEL, input="Once upon", max_output_tokens=8)
    with client.responses.stream(
        model=MODEL, input="Once upon", max_output_tokens=8
    ) as stream:
        text = "".join(
            event.delta
            for event in stream
            if event.type == "response.output_text.delta"
        )
        final = stream.get_final_response()
    assert text == final.output_text == whole.output_text
    first, second = plane.events()
    assert first.output_tokens == second.output_tokens


def test_a_response_that_is_refused(client: OpenAI):
    with pytest.raises(openai.BadRequestError) as caught:
        client.responses.create(model=MODEL, input="x", max_output_tokens=-1)
    assert caught.value.param == "max_output_tokens"


def test_a_response_whose_stream_breaks_off_says_so(plane: Plane, client: OpenAI):
    """As an event: that is how this API tells it, and its client raises nothing."""
    plane.order_fault("die:4000")
    with client.responses.create(
        model=MODEL, input="x", max_output_tokens=200, stream=True
    ) as stream:
        *_, last = stream
    assert last.type == "error"
    assert last.code == "engine_unavailable"


@pytest.fixture
def everything(bare_plane: Plane) -> Plane:
    """An engine that embeds and one that makes images."""
    bare_plane.publish_prices()
    bare_plane.publish_keys()
    bare_plane.start_engine(2, task=Task.EMBED)
    bare_plane.start_engine(3, task=Task.IMAGE)
    bare_plane.start_proxy()
    until(bare_plane.is_ready)
    until(lambda: bare_plane.metric("tokenfab_proxy_engine_healthy") == 2)
    return bare_plane


def test_embeddings_and_images(everything: Plane):
    plane = everything
    with client_of(plane, plane.add_key()) as client:
        found = client.embeddings.create(
            model=MODELS[Task.EMBED], input=["The sea", "A ship"]
        )
        made = client.images.generate(
            model=MODELS[Task.IMAGE], prompt="A ship", n=2, size="256x256"
        )
    assert [one.index for one in found.data] == [0, 1]
    assert found.data[0].embedding != found.data[1].embedding
    assert made.data is not None
    assert len(made.data) == 2
    embedded, painted = plane.events()
    assert embedded.input_tokens == found.usage.prompt_tokens
    assert painted.images == 2
    assert painted.cost_nanos == 2 * IMAGE_RATE // 1_000_000


def test_what_no_retry_can_help_is_asked_once(plane: Plane):
    secret = plane.add_key(tokens_per_minute=100)
    began = time.monotonic()
    with (
        client_of(plane, secret, max_retries=5) as client,
        pytest.raises(openai.RateLimitError) as caught,
    ):
        client.chat.completions.create(model=MODEL, messages=MESSAGES, max_tokens=3000)
    assert time.monotonic() - began < 0.5  # the client's first wait
    assert caught.value.code == "request_exceeds_rate_limit"


def test_a_time_out_is_the_callers(plane: Plane, secret: str):
    plane.order_fault("slow:500")
    with (
        client_of(plane, secret, timeout=0.3) as client,
        pytest.raises(openai.APITimeoutError),
    ):
        client.chat.completions.create(model=MODEL, messages=MESSAGES, max_tokens=8)
    (event,) = until(plane.events)
    assert event.outcome is Outcome.CLIENT_GONE


def test_log_probabilities_of_every_streamed_answer(plane: Plane, client: OpenAI):
    seen: dict[int, int] = {}
    with client.chat.completions.create(
        model=MODEL, messages=MESSAGES, max_tokens=4, n=2, logprobs=True, stream=True
    ) as stream:
        for chunk in stream:
            for choice in chunk.choices:
                found = choice.logprobs.content if choice.logprobs else None
                seen[choice.index] = seen.get(choice.index, 0) + len(found or [])
    (event,) = until(plane.events)
    assert set(seen) == {0, 1}
    assert sum(seen.values()) == event.output_tokens
