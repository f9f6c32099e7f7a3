import hashlib
import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.domain.prompt_digest import beginning_digests, prompt_digest

SYSTEM = {"role": "system", "content": "Answer in rhyme, ß or \U0001f600."}
USER = {"role": "user", "content": "Hello"}
TOOL = {"type": "function", "function": {"name": "look", "parameters": {}}}
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda some: st.lists(some) | st.dictionaries(st.text(), some),
    max_leaves=10,
)


def test_it_works():
    spelled = (
        b'[{"function":{"name":"look","parameters":{}},"type":"function"}]\n'
        b'{"content":"Answer in rhyme, \\u00df or \\ud83d\\ude00.","role":"system"}\n'
        b'{"content":"Hello","role":"user"}\n'
    )
    expected = hashlib.sha256(spelled).hexdigest()
    assert prompt_digest([SYSTEM, USER], [TOOL]) == expected


def test_no_tools_are_an_empty_list():
    assert prompt_digest([USER], None) == prompt_digest([USER], [])


def test_the_order_of_fields_does_not_count():
    turned = dict(reversed(USER.items()))
    assert prompt_digest([turned], None) == prompt_digest([USER], None)


@pytest.mark.parametrize(
    ("messages", "tools"),
    [
        ([USER, SYSTEM], [TOOL]),
        ([SYSTEM], [TOOL]),
        ([SYSTEM, USER], None),
        ([SYSTEM, USER, TOOL], None),
        ([SYSTEM, USER, USER], [TOOL]),
        ([[SYSTEM, USER]], [TOOL]),
        ([SYSTEM, USER | {"content": "hello"}], [TOOL]),
        ([SYSTEM, USER | {"name": None}], [TOOL]),
    ],
)
def test_another_prompt_has_another_digest(messages, tools):
    assert prompt_digest(messages, tools) != prompt_digest([SYSTEM, USER], [TOOL])


@given(st.lists(VALUES, max_size=4), st.lists(VALUES, max_size=2))
def test_spelling_and_decoder_do_not_count(messages, tools):
    text = json.dumps([messages, tools], indent=2, ensure_ascii=False)
    read_messages, read_tools = msgspec.json.decode(text)
    assert prompt_digest(read_messages, read_tools) == prompt_digest(messages, tools)


@given(st.lists(VALUES, max_size=4))
def test_beginnings_are_prompts_of_their_own(messages):
    assert list(beginning_digests(messages, [TOOL])) == [
        prompt_digest(messages[:count], [TOOL]) for count in range(len(messages) + 1)
    ]


def test_it_refuses_what_is_nested_too_deeply():
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(RecursionError):
        prompt_digest([deep], None)
