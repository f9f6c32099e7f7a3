"""Engines that embed instead of generating."""

import base64
import math
import uuid
from array import array

import pytest

from tests.engine_contract.engines import grown, run_simulator

PATH = "/v1/embeddings"


@pytest.fixture(
    scope="module",
    params=["simulator", pytest.param("vllm", marks=pytest.mark.engine)],
)
def embedder(request, tmp_path_factory):
    if request.param == "simulator":
        folder = tmp_path_factory.mktemp("embedder")
        with run_simulator(folder, SIMULATOR_TASK="embed") as engine:
            yield engine
        return
    from tests.engine_contract.vllm_fixture import run_vllm  # noqa: PLC0415

    with run_vllm(ENGINE_ARGUMENTS="--runner pooling --convert embed") as engine:
        yield engine


def embed(embedder, given, **fields):
    answer = embedder.post(PATH, {"input": given} | fields)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_it_works(embedder):
    answer = embed(embedder, "Once upon a time")
    assert list(answer) == ["id", "object", "created", "model", "data", "usage"]
    (found,) = answer["data"]
    assert list(found) == ["index", "object", "embedding"]
    assert len(found["embedding"]) == 576
    length = math.sqrt(sum(number**2 for number in found["embedding"]))
    assert length == pytest.approx(1, abs=1e-3)
    count = embedder.post("/tokenize", {"prompt": "Once upon a time"}).json()["count"]
    assert answer["usage"] == {
        "prompt_tokens": count,
        "total_tokens": count,
        "completion_tokens": 0,
        "prompt_tokens_details": None,
        "completion_tokens_details": None,
    }


def test_the_same_text_has_the_same_vector(embedder):
    first, again = embed(embedder, ["The sea", "The sea"])["data"]
    assert first["embedding"] == pytest.approx(again["embedding"], abs=1e-3)
    assert (first["index"], again["index"]) == (0, 1)


def test_base64_holds_the_same_numbers(embedder):
    plain = embed(embedder, "The sea")["data"][0]["embedding"]
    packed = embed(embedder, "The sea", encoding_format="base64")["data"][0]
    numbers = array("f", base64.b64decode(packed["embedding"]))
    assert list(numbers) == pytest.approx(plain, abs=1e-3)


@pytest.mark.parametrize("given", [[5, 6, 7], [[5, 6], [7]]])
def test_token_ids_are_a_prompt(embedder, given):
    assert embed(embedder, given)["usage"]["prompt_tokens"] == 3


def test_usage_and_counters_agree_but_for_the_cache(embedder, new_prompt):
    """Cached tokens are found, counted by source, and never told in usage."""
    prompt, salt = new_prompt(), uuid.uuid4().hex
    before = embedder.idle_counters()
    usages = [embed(embedder, prompt, cache_salt=salt)["usage"] for _ in range(2)]
    usages.append(embed(embedder, [prompt, "Hi"], cache_salt="other")["usage"])
    after = embedder.idle_counters()
    total = sum(usage["prompt_tokens"] for usage in usages)
    assert grown(before, after, "prompt_tokens") == total
    assert grown(before, after, "generation_tokens") == 0
    assert grown(before, after, "request_success", finished_reason="stop") == 4
    cached = (usages[0]["prompt_tokens"] - 1) // 32 * 32
    source = "local_cache_hit"
    assert grown(before, after, "prompt_tokens_by_source", source=source) == cached
    assert all(usage["prompt_tokens_details"] is None for usage in usages)


def test_the_request_id_is_taken_over(embedder):
    answer = embedder.post(PATH, {"input": "Hi"}, **{"x-request-id": "r-42"})
    assert answer.json()["id"] == "embd-r-42"


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"input": ""}, 400),
        ({"input": []}, 400),
        ({"input": None}, 400),
        ({"input": "word and word " * 2500}, 400),
        ({"input": [99_999_999]}, 400),
        ({"input": "x", "encoding_format": "hex"}, 400),
        ({"input": "x", "model": "nope"}, 404),
        ({"input": "x", "cache_salt": "a@b"}, 400),
    ],
)
def test_it_refuses(embedder, fields, status):
    answer = embedder.post(PATH, fields)
    error = answer.json()["error"]
    assert list(error) == ["message", "type", "param", "code"]
    assert answer.status_code == error["code"] == status


@pytest.mark.parametrize(
    "path",
    ["/v1/chat/completions", "/v1/completions", "/v1/responses", "/v1/messages"],
)
def test_it_does_not_generate(embedder, path):
    answer = embedder.post(path, {"input": "x", "prompt": "x", "messages": []})
    assert answer.status_code == 404
    assert answer.json() == {"detail": "Not Found"}
