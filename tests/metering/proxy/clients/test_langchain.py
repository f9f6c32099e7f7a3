"""LangChain's `langchain-openai`, as applications are built on it."""

from typing import Any

import openai
import pydantic
import pytest
from langchain_core.messages import AIMessageChunk, HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from pydantic import SecretStr

from inference.wire import Task
from tests.metering.proxy.clients.conftest import Spoken
from tests.metering.proxy.clients.spoken_engine import OUTPUT, PHRASE, PROMPT
from tests.metering.proxy.conftest import MODEL, MODELS, Plane, until


@tool
def weather(city: str) -> str:
    """How cold it is in a city."""
    return f"-3 in {city}"


class Weather(pydantic.BaseModel):
    """The weather of a city."""

    city: str
    degrees: int


def chat_of(url: str, secret: str, **options: Any) -> ChatOpenAI:
    options = {"model": MODEL, "max_retries": 0, "timeout": 20, **options}
    return ChatOpenAI(base_url=f"{url}/v1", api_key=SecretStr(secret), **options)


@pytest.mark.parametrize("use_responses_api", [False, True])
def test_it_works(plane: Plane, secret: str, use_responses_api: bool):
    chat = chat_of(plane.url, secret, max_tokens=8, use_responses_api=use_responses_api)
    answer = chat.invoke([("system", "Be brief."), ("human", "Why is the sea salty?")])
    assert answer.text
    (event,) = plane.events()
    assert answer.usage_metadata is not None
    assert answer.usage_metadata["input_tokens"] == event.input_tokens
    assert answer.usage_metadata["output_tokens"] == event.output_tokens


@pytest.mark.parametrize("use_responses_api", [False, True])
def test_a_stream_with_its_usage(plane: Plane, secret: str, use_responses_api: bool):
    chat = chat_of(
        plane.url,
        secret,
        max_tokens=8,
        stream_usage=True,
        use_responses_api=use_responses_api,
    )
    total: AIMessageChunk | None = None
    for piece in chat.stream("Why is the sea salty?"):
        assert isinstance(piece, AIMessageChunk)
        total = piece if total is None else total + piece
    assert total is not None
    assert total.text
    assert total.usage_metadata is not None
    (event,) = plane.events()
    assert total.usage_metadata["output_tokens"] == event.output_tokens


async def test_many_at_once(plane: Plane, secret: str):
    chat = chat_of(plane.url, secret, max_tokens=4)
    answers = await chat.abatch([f"Say {number}" for number in range(6)])
    assert len(answers) == 6
    assert len(plane.events()) == 6


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize("use_responses_api", [False, True])
def test_a_tool_is_called_and_told_its_result(
    spoken: Spoken, streaming: bool, use_responses_api: bool
):
    chat = chat_of(
        spoken.url,
        spoken.secret,
        streaming=streaming,
        stream_usage=True,
        use_responses_api=use_responses_api,
    ).bind_tools([weather])
    ask = HumanMessage("How cold is it in Oslo?")
    asked = chat.invoke([ask])
    (call,) = asked.tool_calls
    assert (call["name"], call["args"]) == ("weather", {"city": "Oslo"})
    result = weather.invoke(call)
    assert isinstance(result, ToolMessage)
    told = chat.invoke([ask, asked, result])
    assert told.text == PHRASE
    assert told.usage_metadata is not None
    assert told.usage_metadata["input_tokens"] == PROMPT
    assert told.usage_metadata["output_tokens"] == OUTPUT
    spoken.billed(2)


@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
def test_structured_output(spoken: Spoken, method: Any):
    chat = chat_of(spoken.url, spoken.secret)
    structured = chat.with_structured_output(Weather, method=method, include_raw=True)
    answer = structured.invoke("How cold is it in Oslo?")
    assert isinstance(answer, dict)
    if method == "json_schema":
        assert answer["parsed"] == Weather(city="Oslo", degrees=-3)
    else:  # the engine calls `weather`, whatever tool it is offered
        assert spoken.engine.bodies[0]["tool_choice"]["function"]["name"] == "Weather"
    spoken.billed(1)


def test_embeddings(bare_plane: Plane):
    plane = bare_plane
    plane.publish_prices()
    plane.start_engine(2, task=Task.EMBED)
    secret = plane.add_key()
    plane.start_proxy()
    until(plane.is_ready)
    embeddings = OpenAIEmbeddings(
        model=MODELS[Task.EMBED],
        base_url=f"{plane.url}/v1",
        api_key=SecretStr(secret),
        check_embedding_ctx_length=False,
    )
    one, other = embeddings.embed_documents(["The sea", "A ship"])
    assert one == pytest.approx(embeddings.embed_query("The sea"))
    assert one != other
    first, second = plane.events()
    assert first.endpoint == second.endpoint == "embeddings"
    assert first.input_tokens > second.input_tokens > 0


def test_a_refusal_is_the_openai_clients(plane: Plane, secret: str):
    with pytest.raises(openai.NotFoundError):
        chat_of(plane.url, secret, model="none").invoke("Hi")


def test_a_busy_engine_is_asked_again(plane: Plane, secret: str):
    plane.order_fault("status:503", times=3)
    answer = chat_of(plane.url, secret, max_retries=1, max_tokens=4).invoke("Hi")
    assert answer.text
    assert len(until(plane.events)) == 1
