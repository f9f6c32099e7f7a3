"""A prompt's length before it is asked: `count_tokens`, `/tokenize`, `/detokenize`."""

import pytest

from tests.engine_contract.dialects import MESSAGES, RESPONSES
from tests.engine_contract.engines import grown

COUNT = "/v1/messages/count_tokens"
HELLO = [{"role": "user", "content": "Hello"}]
FUNCTION = {"type": "function", "function": {"name": "f", "parameters": {}}}


def tokenize(engine, **fields):
    answer = engine.post("/tokenize", fields)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert list(found) == ["count", "max_model_len", "tokens", "token_strs"]
    assert found["count"] == len(found["tokens"])
    return found


def test_it_works(engine, new_prompt):
    """Every way of counting and every dialect agree."""
    prompt = new_prompt()
    messages = [{"role": "user", "content": prompt}]
    counted = engine.post(COUNT, {"messages": messages}).json()
    assert list(counted) == ["input_tokens", "context_management"]
    count = counted["input_tokens"]
    assert counted["context_management"] == {"original_input_tokens": count}
    assert tokenize(engine, messages=messages)["count"] == count
    assert engine.chat(prompt, max_tokens=1)["usage"]["prompt_tokens"] == count
    for dialect in (RESPONSES, MESSAGES):
        assert dialect.cost(engine, prompt, 1).prompt == count


def test_counting_is_not_counted(engine, new_prompt):
    before = engine.idle_counters()
    messages = [{"role": "user", "content": new_prompt()}]
    engine.post(COUNT, {"messages": messages})
    tokenize(engine, messages=messages)
    after = engine.idle_counters()
    for name in ("prompt_tokens", "prefix_cache_queries", "generation_tokens"):
        assert grown(before, after, name) == 0


def test_text_is_tokenized(engine):
    found = tokenize(engine, prompt="Once upon a time")
    assert found["max_model_len"] == 4096
    assert found["token_strs"] is None
    told = tokenize(engine, prompt="Once upon a time", return_token_strs=True)
    assert len(told["token_strs"]) == found["count"]


def test_tokens_are_text_again(engine):
    found = tokenize(engine, prompt="Once upon a time")
    answer = engine.post("/detokenize", {"tokens": found["tokens"]})
    assert answer.json() == {"prompt": "Once upon a time"}


def test_the_beginning_of_the_reply_may_be_left_out(engine):
    whole = tokenize(engine, messages=HELLO)["tokens"]
    cut = tokenize(engine, messages=HELLO, add_generation_prompt=False)["tokens"]
    assert whole[: len(cut)] == cut
    assert len(whole) > len(cut)


def test_tools_are_accepted(engine):
    assert tokenize(engine, messages=HELLO, tools=[FUNCTION])["count"] > 0


def test_no_text_is_too_long_to_tokenize(engine):
    assert tokenize(engine, prompt="word and word " * 2500)["count"] > 4096


def test_nobody_is_asked_for_a_key(engine):
    """The paths lie outside `/v1`: a proxy must not relay them unasked."""
    answer = engine.post("/tokenize", {"prompt": "x"}, authorization="")
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("path", "fields", "param"),
    [
        ("/tokenize", {}, "body.prompt"),
        ("/detokenize", {}, "body.tokens"),
        ("/detokenize", {"tokens": [-1]}, "body.tokens.0"),
        (COUNT, {"messages": HELLO, "model": None}, "body.model"),
    ],
)
def test_it_refuses_a_wrong_shape(engine, path, fields, param):
    answer = engine.post(path, fields)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == param


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"model": "nope"}, 404),
        ({"messages": []}, 400),
        ({"messages": [{"role": "user", "content": "word and " * 4000}]}, 400),
        ({"tools": [{"name": "f", "input_schema": {}}]}, 400),
    ],
)
def test_it_refuses_to_count(engine, fields, status):
    answer = engine.post(COUNT, {"messages": HELLO} | fields)
    assert answer.status_code == status
    assert answer.json()["type"] == "error"


def test_what_only_a_call_needs_is_ignored(engine):
    fields = {"messages": HELLO, "max_tokens": 5, "cache_salt": "a"}
    assert engine.post(COUNT, fields).status_code == 200
