"""The usage of each dialect, and what it costs."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.proxy import usage
from metering.proxy.transform.notes import with_note
from metering.proxy.usage import InvalidAnswerError, Usage
from metering.wire import PriceVector

PRICE = PriceVector(
    price_version_id=1,
    model="m",
    new_input_nanos_per_million=100_000_000,
    cached_input_nanos_per_million=20_000_000,
    output_nanos_per_million=400_000_000,
    image_nanos_per_million=40_000_000_000_000,
    effective_from=0,
    effective_to=None,
)
SAME = Usage(
    input_tokens=42, cached_input_tokens=32, cache_write_tokens=4, output_tokens=8
)
COMPLETION = {
    "usage": {
        "prompt_tokens": 42,
        "completion_tokens": 8,
        "prompt_tokens_details": {"cached_tokens": 32, "created_cache_tokens": 4},
        "completion_tokens_details": None,
    }
}
RESPONSE = {
    "usage": {
        "input_tokens": 42,
        "input_tokens_details": {"cached_tokens": 32, "cache_write_tokens": 4},
        "output_tokens": 8,
        "output_tokens_details": {"reasoning_tokens": 0},
    }
}
MESSAGE = {
    "usage": {
        "input_tokens": 6,
        "output_tokens": 8,
        "cache_creation_input_tokens": 4,
        "cache_read_input_tokens": 32,
    }
}


def encoded(value: object) -> bytes:
    return json.dumps(value).encode()


@pytest.mark.parametrize(
    ("read", "answer"),
    [
        (usage.of_completion, COMPLETION),
        (usage.of_response, RESPONSE),
        (usage.of_response_event, {"response": RESPONSE}),
        (usage.of_message, MESSAGE),
    ],
)
def test_every_dialect_says_the_same(read, answer):
    """litellm#9812, new-api#5003: cached input was charged twice, or below zero."""
    assert read(encoded(answer)) == SAME


@pytest.mark.parametrize(
    "read",
    [usage.of_completion, usage.of_response, usage.of_message],
)
@pytest.mark.parametrize("answer", [{}, {"usage": None}])
def test_none_is_not_zero(read, answer):
    assert read(encoded(answer)) is None


def test_zero_is_a_value():
    """litellm#37992: an explicit zero was replaced by a guess."""
    answer = {"usage": {"prompt_tokens": 0, "completion_tokens": 0}}
    assert usage.of_completion(encoded(answer)) == Usage(input_tokens=0)
    answer = {"usage": {"input_tokens": 0, "output_tokens": 0}}
    assert usage.of_message(encoded(answer)) == Usage(input_tokens=0)
    assert usage.of_response(encoded(answer)) == Usage(input_tokens=0)


def test_reasoning_is_part_of_the_output():
    answer = {
        "usage": {
            "input_tokens": 1,
            "output_tokens": 9,
            "output_tokens_details": {"reasoning_tokens": 7},
        }
    }
    found = usage.of_response(encoded(answer))
    assert found is not None
    assert (found.output_tokens, found.reasoning_tokens) == (9, 7)


@pytest.mark.parametrize("counts_tokens", [False, True])
def test_images_are_counted(counts_tokens):
    """new-api#6144: images were billed twice, as images and as tokens."""
    answer = {"data": [{"b64_json": "x"}, {"b64_json": "y"}]}
    if counts_tokens:
        answer["usage"] = {"input_tokens": 5, "output_tokens": 272}  # type: ignore[assignment]
    found = usage.of_images(encoded(answer))
    assert found == Usage(input_tokens=0, images=2)


@pytest.mark.parametrize(
    ("read", "answer"),
    [
        (usage.of_completion, b"not JSON"),
        (usage.of_completion, b'{"usage":{"prompt_tokens":1.5}}'),
        (usage.of_completion, b'{"usage":{"prompt_tokens":-1}}'),
        (usage.of_response, b'{"usage":{"input_tokens":1}}'),
        (usage.of_response_event, b"{}"),
        (usage.of_message, b'{"usage":{"input_tokens":-3,"output_tokens":1}}'),
        (usage.of_images, b'{"created":1}'),
        (usage.of_count, b"["),
        (usage.of_completion, b'{"a":' + b"[" * 50_000),
    ],
)
def test_it_refuses_what_cannot_be(read, answer):
    with pytest.raises(InvalidAnswerError):
        read(answer)


def test_what_it_costs():
    femto = 10 * 100_000_000 + 32 * 20_000_000 + 8 * 400_000_000
    assert usage.cost_femtos(SAME, PRICE) == femto
    assert usage.cost_nanos(SAME, PRICE) == 4840
    assert usage.amount_text(femto) == "0.00000484"


def test_a_fraction_of_a_nano_is_charged_as_one():
    cheap = PriceVector(
        price_version_id=1,
        model="m",
        new_input_nanos_per_million=1,
        cached_input_nanos_per_million=0,
        output_nanos_per_million=0,
        image_nanos_per_million=None,
        effective_from=0,
        effective_to=None,
    )
    assert usage.cost_nanos(Usage(input_tokens=1), cheap) == 1
    assert usage.cost_nanos(Usage(input_tokens=0), cheap) == 0
    assert usage.amount_text(1) == "0.000000000000001"


@given(st.integers(0, 10**30))
def test_usd_is_exact(femto):
    whole, _, decimals = usage.amount_text(femto).partition(".")
    assert len(decimals) >= 2
    assert int(whole) * 10**15 + int(decimals.ljust(15, "0")) == femto


@pytest.mark.parametrize(
    ("path", "answer"),
    [(("usage",), RESPONSE), (("response", "usage"), {"response": RESPONSE})],
)
def test_the_cost_stands_beside_the_usage(path, answer):
    noted = json.loads(with_note(encoded(answer), path, "cost", "0.00000484"))
    inner = noted
    for name in path:
        inner = inner[name]
    assert inner.pop("cost") == "0.00000484"
    assert noted == answer


@pytest.mark.parametrize("answer", [b'{"usage":null}', b'{"id": "x"}'])
def test_without_usage_an_answer_stays_as_it_is(answer):
    assert with_note(answer, ("usage",), "cost", "1.00") == answer
