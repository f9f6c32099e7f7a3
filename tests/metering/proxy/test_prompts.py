"""Counts and bounds of every kind of prompt. The judge is the real engine: its counts
with the small tokenizer are kept in `tests/data/counting/counts.json`. For the default
model it is asked in `tests/engine_contract/test_counts.py`.
"""

import contextlib
import json
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.encoding import load
from inference.errors import NotCountableError
from inference.token_bound import load_bound
from metering.proxy import prompts as reading
from metering.proxy.transform.endpoints import ENDPOINTS
from tests.inference.prompts import prompts
from tests.metering.proxy.parsed import parsed, request_of

FOLDER = Path(__file__).parents[2] / "data" / "counting"
RECORDED = json.loads((FOLDER / "counts.json").read_text())
CONTEXT_TOKENS = 4096
BY_NAME = {prompt.name: prompt for prompt in prompts()}


@pytest.fixture(scope="module")
def counter():
    return load(FOLDER)


@pytest.fixture(scope="module")
def bound():
    return load_bound(FOLDER)


def test_every_prompt_is_recorded():
    assert BY_NAME.keys() == RECORDED.keys()


@pytest.mark.parametrize("name", BY_NAME)
def test_counts_are_the_engines(counter, name):
    prompt = reading.read_prompt(request_of(BY_NAME[name]))
    assert reading.count(counter, prompt) == RECORDED[name]


@pytest.mark.parametrize("name", BY_NAME)
def test_the_bound_is_never_too_low(bound, name):
    request = request_of(BY_NAME[name])
    for known in (bound, None):
        most = reading.most_tokens(request, known, context_tokens=CONTEXT_TOKENS)
        assert most >= RECORDED[name]


@pytest.mark.parametrize(
    "name",
    ["chat: one message", "chat: turns", "text: english", "messages", "responses"],
)
def test_the_bound_of_plain_text_is_far_below_the_context(bound, name):
    request = request_of(BY_NAME[name])
    most = reading.most_tokens(request, bound, context_tokens=CONTEXT_TOKENS)
    assert most < 4 * RECORDED[name]


@pytest.mark.parametrize(
    "body",
    [
        {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
        {"messages": [{"role": "tool", "content": "x", "tool_call_id": "y"}]},
        {"messages": [{"role": "user", "content": "x"}], "tools": [{}]},
        {"messages": [{"role": "user", "content": "x", "name": "y"}]},
        {"messages": 5},
    ],
)
def test_the_bound_of_all_else_is_the_context(bound, body):
    request = parsed("/v1/chat/completions", **body)
    assert reading.most_tokens(request, bound, context_tokens=99) == 99


@pytest.mark.parametrize(
    ("prompt", "most"),
    [
        ("x" * 200, 99),
        (["x" * 200, "y" * 200, "z"], 99 + 99 + 2),
        ([1, 2, 3], 3),
        ([[1, 2, 3], [4]], 4),
        ([1] * 200, 99),
        (["x" * 600_000, "y" * 600_000], 198),
        ([["x"]], 99),
    ],
)
def test_each_text_has_a_context_of_its_own(bound, prompt, most):
    request = parsed("/v1/completions", prompt=prompt)
    assert reading.most_tokens(request, bound, context_tokens=99) == most


@pytest.mark.parametrize(
    ("path", "body", "most"),
    [
        ("/v1/completions", {"prompt": 'say "x"'}, 1),
        ("/v1/completions", {"prompt": ["a", "b", "c"]}, 3),
        ("/v1/completions", {"prompt": ["[["]}, 2),
        ("/v1/completions", {"prompt": [1, 2, 3]}, 1),
        ("/v1/completions", {"prompt": [[1, 2], [3], [4]]}, 3),
        ("/v1/embeddings", {"input": ["a", "b"]}, 2),
        ("/v1/responses", {"input": [{"role": "user", "content": "x"}]}, 1),
        ("/v1/chat/completions", {"messages": [{}, {}]}, 1),
    ],
)
def test_prompts_of_a_call_are_never_more(path, body, most):
    assert reading.prompts_at_most(parsed(path, **body)) == most


def test_a_response_with_tools_has_one_context(bound):
    tools = [{"type": "function", "name": "x"}]
    request = parsed("/v1/responses", input=[{"role": "user"}], tools=tools)
    assert reading.most_tokens(request, bound, context_tokens=99) == 99


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/chat/completions", {"messages": "x"}),
        ("/v1/chat/completions", {"messages": ["x"]}),
        ("/v1/completions", {"prompt": [["x"]]}),
        ("/v1/completions", {"prompt": {"x": 1}}),
        ("/v1/completions", {"prompt": ["x" * 600_000] * 2}),
        ("/v1/images/generations", {"prompt": "x"}),
        ("/v1/messages", {"messages": [], "thinking": {"type": "enabled"}}),
        ("/v1/messages", {"messages": [{"role": "user", "content": [{}]}]}),
        ("/v1/responses", {"input": [{"type": "reasoning"}]}),
        ("/v1/responses", {"input": "x", "tools": [{"type": "function"}]}),
    ],
)
def test_it_refuses_what_it_cannot_read(path, body):
    with pytest.raises(NotCountableError):
        reading.read_prompt(parsed(path, **body))


def test_a_digest_is_of_the_prompt_the_model_and_the_tenant():
    def digest(model="m", cache_salt="s", **body):
        request = parsed("/v1/chat/completions", messages=[], **body)
        return reading.digest(request, model=model, cache_salt=cache_salt)

    assert digest() == digest(temperature=1) == digest(max_tokens=7)
    others = [
        digest(model="n"),
        digest(cache_salt="t"),
        digest(tools=[]),
        digest(add_generation_prompt=False),
        reading.digest(parsed("/v1/completions", prompt=[]), model="m", cache_salt="s"),
    ]
    assert len({digest(), *others}) == 6


def test_media_are_not_asked_about():
    source = {"type": "base64", "media_type": "image/png", "data": ""}
    blocks = [{"type": "image", "source": source}]
    for path, content in (
        ("/v1/messages", blocks),
        ("/v1/chat/completions", [{"type": "image_url", "image_url": {"url": "x"}}]),
    ):
        request = parsed(path, messages=[{"role": "user", "content": content}])
        with pytest.raises(NotCountableError):
            reading.questions(request, model="m")


_WORDS = st.sampled_from(
    [
        *("role", "user", "assistant", "tool", "system", "content", "text", "type"),
        *("tool_calls", "function", "name", "arguments", "id", "image_url", "x"),
    ]
)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | _WORDS | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(_WORDS, inner, max_size=4)
        | st.fixed_dictionaries({"role": _WORDS, "content": inner})
        | st.fixed_dictionaries(
            {"id": _WORDS, "type": st.just("function"), "function": inner}
        )
    ),
    max_leaves=20,
)


@given(
    path=st.sampled_from(["/v1/chat/completions", "/v1/messages", "/v1/responses"]),
    prompt=st.lists(_JSON, max_size=3) | _JSON,
    rest=st.dictionaries(
        st.sampled_from(["tools", "system", "instructions", "reasoning_effort"]), _JSON
    ),
)
def test_nothing_that_is_sent_breaks_the_counting(counter, bound, path, prompt, rest):
    name = "input" if path.endswith("responses") else "messages"
    fields = ENDPOINTS[path.encode()].fields
    given_fields = {key: value for key, value in rest.items() if key in fields}
    request = parsed(path, **{name: prompt, **given_fields})
    most = reading.most_tokens(request, bound, context_tokens=CONTEXT_TOKENS)
    try:
        counted = reading.count(counter, reading.read_prompt(request))
    except NotCountableError:
        counted = 0
    assert counted <= most
    with contextlib.suppress(NotCountableError):
        assert reading.questions(request, model="m")


@pytest.mark.parametrize("depth", [100, 100_000])
def test_it_refuses_what_is_nested_too_deep(counter, depth):
    nested = msgspec.Raw(b"[" * depth + b"]" * depth)
    call = {"name": "x", "arguments": bytes(nested).decode()}
    message = {
        "role": "assistant",
        "tool_calls": [{"id": "x", "type": "function", "function": call}],
    }
    request = parsed("/v1/chat/completions", messages=[message])
    with contextlib.suppress(NotCountableError):
        assert reading.count(counter, reading.read_prompt(request))
