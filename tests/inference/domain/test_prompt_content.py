"""Messages and tools of a cached prompt."""

import json

import msgspec
import pytest

from inference.domain.prompt_content import (
    CONTENT_BYTES_MAX,
    MESSAGES_MAX,
    NULL,
    ContentError,
    ContentTooLargeError,
    read_content,
)

HELLO = [{"role": "user", "content": "Hello"}]


def raw(value):
    return msgspec.Raw(json.dumps(value).encode())


def read(messages, tools=None):
    return read_content(raw(messages), raw(tools))


def test_it_works():
    found = read_content(
        msgspec.Raw(b'[{"role": "system",  "content": "Be brief."}]'), NULL
    )
    assert json.loads(found.text) == {
        "messages": [{"role": "system", "content": "Be brief."}],
        "tools": None,
    }
    assert found.message_count == 1
    assert len(found.sha256) == 64


def test_fields_keep_their_order():
    """A chat template shows it to the model."""
    found = read_content(
        raw(HELLO), msgspec.Raw(b'[{"type":"function","a":{"z":1,"b":2}}]')
    )
    assert '{"type":"function","a":{"z":1,"b":2}}' in found.text


def test_equal_contents_have_one_digest():
    one = read_content(msgspec.Raw(b'[{"role":"user","content":"A"}]'), NULL)
    other = read_content(
        msgspec.Raw(b'[ {"content":"\\u0041", "role":"user"} ]'), msgspec.Raw(b"[ ]")
    )
    assert one.sha256 == other.sha256
    assert json.loads(other.text)["tools"] is None


@pytest.mark.parametrize(
    "message",
    [
        {"role": "user", "content": [{"type": "text", "text": "Hello"}]},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]},
        {"role": "assistant", "content": "An example."},
    ],
)
def test_it_takes(message):
    assert read([message]).message_count == 1


@pytest.mark.parametrize(
    ("messages", "param"),
    [
        (None, "messages"),
        ([], "messages"),
        ({}, "messages"),
        (HELLO * (MESSAGES_MAX + 1), "messages"),
        ([*HELLO, 1], "messages[1]"),
        ([{"role": "", "content": "x"}], "messages[0].role"),
        ([{"role": 1, "content": "x"}], "messages[0].role"),
        ([{"role": "user", "content": None}], "messages[0].content"),
        ([{"role": "user", "content": 1}], "messages[0].content"),
    ],
)
def test_it_refuses(messages, param):
    with pytest.raises(ContentError) as refused:
        read(messages)
    assert refused.value.param == param


@pytest.mark.parametrize("tools", [{}, "x", [1]])
def test_it_refuses_tools_that_are_none(tools):
    with pytest.raises(ContentError) as refused:
        read(HELLO, tools)
    assert refused.value.param == "tools"


def test_it_refuses_what_is_too_long():
    with pytest.raises(ContentTooLargeError, match="bytes"):
        read([{"role": "user", "content": "x" * CONTENT_BYTES_MAX}])


def test_it_refuses_what_is_nested_too_deeply():
    deep = b"[" * 50_000 + b"]" * 50_000
    messages = b'[{"role":"user","content":' + deep + b"}]"
    with pytest.raises(ContentError, match="deeply"):
        read_content(msgspec.Raw(messages), NULL)
