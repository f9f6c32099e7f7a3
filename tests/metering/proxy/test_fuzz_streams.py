"""Streams of every dialect in any framing and any split, whole and damaged."""

import itertools
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metering.proxy.chunks import ChunkedBody, unchunk
from metering.proxy.transform.dialects.completions import CHAT_COMPLETIONS
from metering.proxy.transform.dialects.messages import MESSAGES
from metering.proxy.transform.dialects.responses import RESPONSES
from metering.proxy.transform.endpoint import Endpoint
from metering.proxy.usage import InvalidAnswerError
from metering.proxy.usage_tap import StreamTap

TRAPS = [
    '"type":"message_delta"',
    '"type":"response.completed"',
    '\n\nevent: message_delta\ndata: {"type":"message_delta","usage":{}}\n\n',
    "event: error\ndata:",
    '"choices":[]',
    '"usage":{"output_tokens":1}',
    "data: [DONE]\n\n",
    "0\r\n\r\n",
    "é\u2028",
]  # fmt: skip
texts = st.lists(st.text(max_size=12) | st.sampled_from(TRAPS), max_size=6)
endpoints = st.sampled_from([CHAT_COMPLETIONS, MESSAGES, RESPONSES])


def sse(name: str, value: dict[str, Any]) -> bytes:
    data = json.dumps({"type": name, **value}, separators=(",", ":"))
    return f"event: {name}\ndata: {data}\n\n".encode()


def chat_event(choices: list[Any], tokens: int) -> bytes:
    usage = {"prompt_tokens": 42, "completion_tokens": tokens}
    value = {"choices": choices, "usage": usage}
    return f"data: {json.dumps(value, separators=(',', ':'))}\n\n".encode()


def stream_of(endpoint: Endpoint, said: list[str]) -> tuple[list[bytes], list[bytes]]:
    """(what may be released, what is held)."""
    usage = {"input_tokens": 42, "output_tokens": 8}
    if endpoint is MESSAGES:
        deltas = [sse("content_block_delta", {"delta": {"text": one}}) for one in said]
        opening = sse("message_start", {"message": {"usage": {"input_tokens": 0}}})
        last = sse("message_delta", {"delta": {"stop_reason": "x"}, "usage": usage})
        return [opening, *deltas], [last, sse("message_stop", {})]
    if endpoint is RESPONSES:
        deltas = [sse("response.output_text.delta", {"delta": one}) for one in said]
        opening = sse("response.created", {"response": {"usage": None}})
        ended = sse("response.completed", {"response": {"usage": usage}})
        return [opening, *deltas], [ended]
    deltas = [
        chat_event([{"index": 0, "delta": {"content": one}}], number)
        for number, one in enumerate(said, start=1)
    ]
    return deltas, [chat_event([], 8), b"data: [DONE]\n\n"]


def cut(data: bytes, at: list[int]) -> list[bytes]:
    cuts = sorted({0, *at, len(data)})
    return [data[begin:end] for begin, end in itertools.pairwise(cuts)]


@st.composite
def streams(draw: st.DrawFn) -> tuple[Endpoint, list[bytes], list[bytes], list[bytes]]:
    """(endpoint, events to release, events to hold, the answer's bytes as reads)."""
    endpoint = draw(endpoints)
    free, held = stream_of(endpoint, draw(texts))
    payload = b"".join([*free, *held])
    if draw(st.booleans()):
        parts = [*free, *held]
    else:
        parts = cut(payload, draw(st.lists(st.integers(0, len(payload)))))
    framed = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts if part)
    framed += b"0\r\n" + draw(st.sampled_from([b"", b"x-trailer: 1\r\n"])) + b"\r\n"
    places = st.lists(st.integers(0, len(framed)), max_size=20)
    return endpoint, free, held, cut(framed, draw(places))


def tap_of(endpoint: Endpoint, *, shows: bool = True) -> StreamTap:
    assert endpoint.stream is not None
    return StreamTap(endpoint.stream, shows_running_usage=shows)


@settings(max_examples=250, deadline=None)
@given(streams())
def test_it_works(stream):
    endpoint, free, held, reads = stream
    tap = tap_of(endpoint)
    released = b"".join(tap.feed(read) for read in reads)
    assert tap.ended
    assert released + tap.rest(with_usage=True) == b"".join(reads)
    usage = tap.final_usage()
    assert usage is not None
    assert (usage.input_tokens, usage.output_tokens) == (42, 8)
    assert not tap.has_failed()
    assert b"".join(free).startswith(unchunk(released))
    assert endpoint is CHAT_COMPLETIONS or tap.running_usage() is None
    assert b"".join(held) in unchunk(tap.rest(with_usage=True))


@settings(max_examples=150, deadline=None)
@given(streams())
def test_the_usage_so_far_is_hidden_and_nothing_else(stream):
    endpoint, free, held, reads = stream
    tap = tap_of(endpoint, shows=False)
    released = b"".join(tap.feed(read) for read in reads)
    whole = ChunkedBody().feed(released + tap.rest(with_usage=True))
    assert whole is not None
    if endpoint is not CHAT_COMPLETIONS:
        assert whole == b"".join([*free, *held])
        return
    shown = [json.loads(one[6:]) for one in whole.split(b"\n\n")[:-2]]
    sent = [json.loads(one[6:]) for one in [*free, held[0]]]
    assert shown == [{**one, "usage": None} for one in sent[:-1]] + sent[-1:]


@settings(max_examples=150, deadline=None)
@given(streams(), st.data())
def test_an_engine_that_dies_is_not_believed_to_have_ended(stream, data):
    endpoint, free, _, reads = stream
    framed = b"".join(reads)
    tap = tap_of(endpoint)
    released = tap.feed(framed[: data.draw(st.integers(0, len(framed) - 1))])
    assert not tap.ended
    assert b"".join(free).startswith(unchunk(released))
    running = tap.running_usage()
    assert running is None or 1 <= running.output_tokens <= len(free)


@settings(max_examples=400, deadline=None)
@given(streams(), st.data())
def test_a_damaged_stream_is_refused_or_relayed_as_it_is(stream, data):
    """No damage raises anything but InvalidAnswerError, and nothing is made up."""
    endpoint, _, _, reads = stream
    framed = b"".join(reads)
    at = data.draw(st.integers(0, len(framed)))
    until = data.draw(st.integers(at, min(len(framed), at + 30)))
    new = data.draw(st.binary(max_size=8) | st.sampled_from([b"\r\n", b"\n\n", b"0"]))
    framed = framed[:at] + new + framed[until:]
    tap, released = tap_of(endpoint), b""
    try:
        for read in cut(framed, data.draw(st.lists(st.integers(0, len(framed))))):
            released += tap.feed(read)
            assert framed.startswith(released)
        tap.final_usage()
    except InvalidAnswerError:
        return
    finally:
        tap.running_usage()
    tap.has_failed()
    if tap.ended:
        assert released + tap.rest(with_usage=True) == framed


@pytest.mark.parametrize(
    "end",
    [
        b"0\r\n\r0\r\n\r\n",
        b"0\r\nx\r\n\r\n",
        b"0\r\nx: \0\r\n\r\n",
        b"5;\n\r\nhello\r\n",
        b"5;\xe9\r\nhello\r\n",
    ],
)
def test_no_framing_that_a_client_could_not_read_is_relayed(end: bytes):
    with pytest.raises(InvalidAnswerError):
        tap_of(MESSAGES).feed(end)
