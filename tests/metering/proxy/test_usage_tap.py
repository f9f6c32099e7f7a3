"""Any framing, any split of the reads: the same bytes, the usage, the end held back."""

import itertools
import json
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metering.proxy.chunks import ChunkedBody, chunk, unchunk
from metering.proxy.transform.dialects.completions import CHAT_COMPLETIONS
from metering.proxy.transform.dialects.messages import MESSAGES
from metering.proxy.transform.dialects.responses import RESPONSES
from metering.proxy.transform.notes import with_note
from metering.proxy.usage import InvalidAnswerError, StreamForm, of_completion
from metering.proxy.usage_tap import StreamTap

CHAT = cast("StreamForm", CHAT_COMPLETIONS.stream)

USAGE = {
    "prompt_tokens": 42,
    "total_tokens": 50,
    "completion_tokens": 8,
    "prompt_tokens_details": {"cached_tokens": 32, "created_cache_tokens": 0},
}
TRAPS = [
    '"choices":[]',
    "data: [DONE]",
    '\n\ndata: {"choices":[],"usage":{"prompt_tokens":1}}\n\n',
    "0\r\n\r\n",
    "é\u2028",
]


def event(content: str, completion_tokens: int) -> bytes:
    value = {
        "choices": [{"index": 0, "delta": {"content": content}}],
        "usage": {"prompt_tokens": 42, "completion_tokens": completion_tokens},
    }
    return f"data: {json.dumps(value, separators=(',', ':'))}\n\n".encode()


FINAL = (
    f'data: {{"choices":[],"usage":{json.dumps(USAGE, separators=(",", ":"))}}}\n\n'
).encode()
DONE = b"data: [DONE]\n\n"

contents = st.lists(st.text(max_size=20) | st.sampled_from(TRAPS), max_size=8)


@st.composite
def framings(draw: st.DrawFn) -> tuple[list[bytes], bytes, list[bytes]]:
    """(events, the chunked bytes of the answer, those bytes as reads)."""
    events = [
        event(text, number) for number, text in enumerate(draw(contents), start=1)
    ]
    payload = b"".join([*events, FINAL, DONE])
    if draw(st.booleans()):  # as uvicorn does: one event, one chunk
        parts = [*events, FINAL, DONE]
    else:
        parts = split(payload, draw(st.lists(st.integers(0, len(payload)))))
    extension = draw(st.sampled_from([b"", b";a=b"]))
    trailer = draw(st.sampled_from([b"", b"x-trailer: 1\r\n"]))
    framed = b"".join(
        b"%x%b\r\n%b\r\n" % (len(part), extension, part) for part in parts if part
    )
    framed += b"0\r\n" + trailer + b"\r\n"
    reads = split(framed, draw(st.lists(st.integers(0, len(framed)), max_size=30)))
    return events, framed, reads


def split(data: bytes, at: list[int]) -> list[bytes]:
    cuts = sorted({0, *at, len(data)})
    return [data[a:b] for a, b in itertools.pairwise(cuts)]


@settings(max_examples=400)
@given(framings())
def test_it_works(framing):
    events, framed, reads = framing
    tap = StreamTap(CHAT, shows_running_usage=True)
    released = b"".join(tap.feed(read) for read in reads)
    assert tap.ended
    assert released + tap.rest(with_usage=True) == framed
    usage = tap.final_usage()
    assert usage is not None
    assert (usage.output_tokens, usage.cached_input_tokens) == (8, 32)
    released_payload = unchunk(released)
    assert FINAL[:20] not in released_payload.replace(b"".join(events), b"")
    assert DONE not in released_payload.replace(b"".join(events), b"")
    assert b"".join([*events, FINAL, DONE]).startswith(released_payload)


@settings(max_examples=200)
@given(framings())
def test_a_client_that_did_not_ask_gets_all_but_the_usage_chunk(framing):
    events, _, reads = framing
    tap = StreamTap(CHAT)
    released = b"".join(tap.feed(read) for read in reads)
    whole = ChunkedBody().feed(released + tap.rest(with_usage=False)) or b""
    shown = [json.loads(one[6:]) for one in whole.split(b"\n\n")[:-2]]
    sent = [json.loads(one[6:]) for one in events]
    assert shown == [{**one, "usage": None} for one in sent]
    assert whole.endswith(DONE)


@settings(max_examples=200)
@given(framings(), st.data())
def test_an_engine_that_dies_leaves_the_running_usage(framing, data):
    events, framed, reads = framing
    died_at = data.draw(st.integers(0, len(framed) - 1))
    tap = StreamTap(CHAT, shows_running_usage=True)
    released, left = b"", died_at
    for read in reads:
        released += tap.feed(read[:left])
        left = max(0, left - len(read))
    assert not tap.ended
    whole_events = unchunk(released).count(b'"index":0')
    usage = tap.running_usage()
    assert (usage.output_tokens if usage else 0) == whole_events
    assert len(events) >= whole_events


@pytest.mark.parametrize(
    "data",
    [
        b"zz\r\n",
        b"-5\r\nhello\r\n",
        b"0x5\r\nhello\r\n",
        b"1_0\r\n0123456789abcdef\r\n",
        b"5\r\nhello!!\r\n",
        b"x" * 30,
        b"HTTP/1.1 200 OK\r\n",
        b"0\r\n\r\nmore",
        b"ffffffffffffffffffff",
    ],
)
def test_it_refuses_broken_framing(data: bytes):
    with pytest.raises(InvalidAnswerError):
        StreamTap(CHAT).feed(data)


def test_it_refuses_an_endless_event():
    with pytest.raises(InvalidAnswerError, match="too long"):
        StreamTap(CHAT).feed(chunk(b"x" * 65536) * 17)


@pytest.mark.parametrize(
    "usage",
    [
        {"prompt_tokens": -1},
        {"prompt_tokens": 5, "completion_tokens": -1},
        {"prompt_tokens": 5, "prompt_tokens_details": {"cached_tokens": 6}},
        {"prompt_tokens": 5, "prompt_tokens_details": {"cached_tokens": -1}},
        {"prompt_tokens": "5"},
        {"prompt_tokens": 5.5},
        {},
    ],
)
def test_it_refuses_impossible_usage(usage):
    """new-api#5003: input less cached was -16,638, hence a negative charge."""
    with pytest.raises(InvalidAnswerError):
        of_completion(json.dumps({"usage": usage}).encode())


def test_zero_is_a_value_and_null_is_none():
    """litellm#37992: an explicit zero was replaced by a guess."""
    usage = of_completion(b'{"usage":{"prompt_tokens":0,"completion_tokens":0}}')
    assert usage is not None
    assert (usage.input_tokens, usage.output_tokens) == (0, 0)
    assert of_completion(b'{"usage":null}') is None
    assert of_completion(b"{}") is None


def sse(name: str, value: dict[str, object]) -> bytes:
    data = json.dumps({"type": name, **value}, separators=(",", ":"))
    return f"event: {name}\ndata: {data}\n\n".encode()


MESSAGE_EVENTS = [
    sse("message_start", {"message": {"usage": {"input_tokens": 42}}}),
    sse("content_block_delta", {"delta": {"text": '"type":"message_delta"'}}),
    sse("message_delta", {"usage": {"input_tokens": 42, "output_tokens": 8}}),
    sse("message_stop", {}),
]
RESPONSE_EVENTS = [
    sse("response.created", {"response": {"usage": None}}),
    sse("response.output_text.delta", {"delta": '"type":"response.completed"'}),
    sse(
        "response.completed",
        {"response": {"usage": {"input_tokens": 42, "output_tokens": 8}}},
    ),
]


@pytest.mark.parametrize(
    ("endpoint", "events", "held_from"),
    [(MESSAGES, MESSAGE_EVENTS, 2), (RESPONSES, RESPONSE_EVENTS, 2)],
)
def test_other_dialects_are_held_from_their_usage_on(endpoint, events, held_from):
    tap = StreamTap(endpoint.stream)
    released = b"".join(tap.feed(chunk(event)) for event in events)
    assert tap.feed(b"0\r\n\r\n") == b""
    assert unchunk(released) == b"".join(events[:held_from])
    usage = tap.final_usage()
    assert usage is not None
    assert (usage.input_tokens, usage.output_tokens) == (42, 8)
    assert tap.running_usage() is None
    rest = tap.rest(with_usage=False)
    assert unchunk(rest) == b"".join(events[held_from:])
    assert not tap.has_failed()


@pytest.mark.parametrize("endpoint", [MESSAGES, RESPONSES])
def test_the_cost_is_noted_in_the_event_that_has_the_usage(endpoint):
    tap = StreamTap(endpoint.stream)
    events = MESSAGE_EVENTS if endpoint is MESSAGES else RESPONSE_EVENTS
    for event in events:
        tap.feed(chunk(event))
    tap.feed(b"0\r\n\r\n")
    rest = tap.rest(
        with_usage=True,
        noted=lambda data: with_note(data, tap.usage_path, "cost", "0.01"),
    )
    (noted,) = [line for line in unchunk(rest).split(b"\n") if b'"cost":"0.01"' in line]
    assert noted.startswith(b"data: ")
    assert unchunk(rest).replace(b',"cost":"0.01"', b"") == b"".join(events[2:])


@pytest.mark.parametrize(
    ("endpoint", "event"),
    [
        (CHAT_COMPLETIONS, b'data: {"error":{"message":"Traceback"}}\n\n'),
        (MESSAGES, sse("error", {"error": {"message": "Traceback"}})),
    ],
)
def test_an_engines_own_error_is_not_released(endpoint, event):
    tap = StreamTap(endpoint.stream)
    assert tap.feed(chunk(event)) == b""
    assert tap.feed(b"0\r\n\r\n") == b""
    assert tap.has_failed()
    assert tap.final_usage() is None
