"""The bound against counts: `tests/metering/proxy/test_prompts.py`."""

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.chat_template import ChatTemplate
from inference.encoding import load
from inference.token_bound import (
    ChatBound,
    TokenBound,
    bytes_at_most,
    load_bound,
    measure,
)

FOLDER = Path(__file__).parents[1] / "data" / "counting"
COUNTER = load(FOLDER)


def _bounds() -> tuple[TokenBound, ChatBound]:
    bound = load_bound(FOLDER)
    assert bound is not None
    assert bound.chat is not None
    return bound, bound.chat


BOUND, CHAT = _bounds()


def test_it_works():
    assert BOUND.per_text == 1
    assert BOUND.is_composed
    assert CHAT.once < 30
    assert CHAT.per_message < 20
    assert CHAT.reads_tools


@given(st.text())
def test_a_text_never_has_more_tokens(text):
    text = text.encode(errors="ignore").decode()
    assert COUNTER.count_text(text) <= BOUND.per_text + BOUND.tokens_of(text)


@given(
    st.lists(
        st.tuples(st.sampled_from(["system", "user", "assistant"]), st.text()),
        min_size=1,
    ),
    st.booleans(),
)
def test_a_chat_never_has_more_tokens(turns, is_asked):
    messages = [
        {"role": role, "content": text.encode(errors="ignore").decode()}
        for role, text in turns
    ]
    most = CHAT.once + sum(
        CHAT.per_message + BOUND.tokens_of(message["content"]) for message in messages
    )
    assert COUNTER.count_chat(messages, add_generation_prompt=is_asked) <= most


def test_no_character_grows_more_when_it_is_decomposed():
    for code in range(0x110000):
        if not 0xD800 <= code < 0xE000:
            size = len(unicodedata.normalize("NFD", chr(code)).encode())
            assert size <= bytes_at_most(chr(code), is_composed=True)


@pytest.mark.parametrize(
    "source",
    [
        "{% for m in messages %}{{ m.content }}{{ m.content }}{% endfor %}",
        "{% for m in messages %}{{ m.content | tojson }}{% endfor %}",
        "{% for m in messages %}{{ m.content | e }}{% endfor %}",
        "{% for m in messages %}{{ m.content | upper }}{% endfor %}",
        "{{ messages[-1].content }}",
        (
            "{% for m in messages %}{% if loop.index > 6 %}{{ 'x' * 999 }}{% endif %}"
            "{{ m.content }};{% endfor %}"
        ),
    ],
)
def test_a_template_that_does_more_than_add_has_no_bound(source):
    template = ChatTemplate(source, named_tokens={})
    assert measure(template, (), is_composed=False) is None


def test_special_tokens_that_overlap_are_counted_by_bytes():
    source = "{% for m in messages %}<a>{{ m.content }}{% endfor %}"
    template = ChatTemplate(source, named_tokens={})
    alone = measure(template, ("<a>",), is_composed=False)
    overlapping = measure(template, ("<a>", "b<"), is_composed=False)
    assert alone is not None
    assert overlapping is not None
    assert (alone.per_message, overlapping.per_message) == (1, 3)


def test_a_tokenizer_that_is_not_of_bytes_has_no_bound(tmp_path):
    (tmp_path / "tokenizer.json").write_text('{"model": {"type": "Unigram"}}')
    assert load_bound(tmp_path) is None
