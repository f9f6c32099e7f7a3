"""An engine that answers well, or nearly: bytes are changed, lost, added or withheld.

What it does to a call is decided by the seed and by the case that the prompt names, so
the same call meets the same fate in every run.
"""

import asyncio
import json
import re
from pathlib import Path
from random import Random
from typing import Any

from tests.metering.proxy.fuzz.bounds import Bounds
from tests.metering.proxy.fuzz.mutations import damaged, pieces

_CASE = re.compile(rb"case (\d+)")
_USAGES = [
    {"prompt_tokens": 10**30, "completion_tokens": 1},
    {"prompt_tokens": 2**63, "completion_tokens": 2**63},
    {"prompt_tokens": 2**53, "completion_tokens": 3},
    {"prompt_tokens": -1, "completion_tokens": 1},
    {"prompt_tokens": 1.5, "completion_tokens": 1},
    {"prompt_tokens": 0, "completion_tokens": 0},
    {"prompt_tokens": 5, "completion_tokens": None},
    {"prompt_tokens": 5},
    [], 5, "x", None, {},
]  # fmt: skip
_HEADS = [
    b"HTTP/1.1 200 OK\r\ncontent-length: %s\r\n\r\n" % (b"9" * 5000),
    b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999999\r\n\r\n",
    b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\n{}",
    b"HTTP/1.1 204 No Content\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.1 302 Found\r\nlocation: /\r\ncontent-length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n",
    b"HTTP/1.1 999 ?\r\ncontent-length: 0\r\n\r\n", b"HTTP/1.1 -20 x\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nx: " + b"y" * 40_000, b"\0" * 100, b"",
]  # fmt: skip
_ODD_BODIES = [
    b"[1,2]", b'"x"', b"null", b"5", b'{"usage":5}', b'{"\xff":1,"count":1}', b"{}",
    b'{"data":[],"usage":5}', b'{"data":5}', b"[" * 5000,
    b'{"usage":{"input_tokens":1}}',
]  # fmt: skip


class FuzzyEngine:
    def __init__(self, limits: Bounds) -> None:
        self._limits = limits
        self.said: dict[int, bytes] = {}
        """All that was sent to the calls of a case."""
        self.sound: set[int] = set()
        """Cases with nothing wrong in what was sent."""

    async def listen(self, path: Path) -> asyncio.Server:
        return await asyncio.start_unix_server(self._serve, path, limit=2**20)

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            while await self._answer_one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the proxy or the test has had enough
        finally:
            writer.transport.abort()

    async def _answer_one(self, reader, writer) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        line = head.partition(b"\r\n")[0]
        if line.startswith(b"GET "):
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
            return True
        length = int(re.findall(rb"content-length: (\d+)", head)[0])
        body = await reader.readexactly(length)
        found = _CASE.search(body)
        if not found:  # of the test itself, which wants to see a good answer
            writer.write(_whole(200, _document(line, self._limits.dice(0))))
            return True
        case = int(found[1])
        dice = self._limits.dice(-case - 1)
        answer, is_sound = fate(line, body, dice)
        if is_sound:
            self.sound.add(case)
        return await self._say(writer, case, answer, dice)

    async def _say(self, writer, case: int, answer: bytes, dice: Random) -> bool:
        for piece in pieces(answer, dice):
            self.said[case] = self.said.get(case, b"") + piece
            writer.write(piece)
            await writer.drain()
            if dice.random() < 0.3:
                await asyncio.sleep(0.002)
        way = dice.random()
        if way < 0.04:
            await asyncio.sleep(3)  # longer than the proxy waits
        return way > 0.12


def fate(line: bytes, body: bytes, dice: Random) -> tuple[bytes, bool]:
    """(the answer, whether nothing is wrong with it)."""
    is_streamed = json.loads(body).get("stream") is True
    way = dice.random()
    if way < 0.06:
        return dice.choice(_HEADS), False
    if way < 0.12:
        status = dice.choice((200, 400, 401, 422, 429, 500, 503))
        return _whole(status, dice.choice(_ODD_BODIES)), False
    usage = dice.choice(_USAGES) if dice.random() < 0.15 else None
    says_streamed = is_streamed != (dice.random() < 0.02)
    answer = (
        _stream(line, dice, usage)
        if says_streamed
        else _in_some_frame(_document(line, dice, usage), dice)
    )
    if dice.random() < 0.6:
        return damaged(answer, dice), False
    is_sound = (
        says_streamed == is_streamed
        and usage is None
        and b"Traceback" not in answer
        and b"x-trailer" not in answer
    )
    return answer, is_sound


def _whole(status: int, body: bytes) -> bytes:
    return b"HTTP/1.1 %d X\r\ncontent-length: %d\r\n\r\n%b" % (status, len(body), body)


def _in_some_frame(body: bytes, dice: Random) -> bytes:
    if dice.random() < 0.5:
        return _whole(200, body)
    return _chunked([body[:9], body[9:]], dice)


def _chunked(parts: list[bytes], dice: Random) -> bytes:
    framed = b"".join(
        b"%x%b\r\n%b\r\n" % (len(part), b";a=b" * (dice.random() < 0.02), part)
        for part in parts
    )
    trailer = b"x-trailer: 1\r\n" * (dice.random() < 0.03)
    head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
    return head + framed + b"0\r\n" + trailer + b"\r\n"


def _usage(dice: Random, given: Any) -> Any:
    if given is not None:
        return given
    prompt = dice.randint(100, 900)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": dice.randint(2, 90),
        "prompt_tokens_details": {"cached_tokens": dice.choice((0, prompt // 2))},
    }


def _in_words_of(line: bytes, usage):
    if b"completions" in line or b"embeddings" in line or not isinstance(usage, dict):
        return usage
    names = {"prompt_tokens": "input_tokens", "completion_tokens": "output_tokens"}
    return {names.get(name, name): value for name, value in usage.items()}


def _document(line: bytes, dice: Random, usage=None) -> bytes:
    if b"tokenize" in line or b"count_tokens" in line:
        return b'{"count":7,"input_tokens":7}'
    if b"images" in line:
        return b'{"created":1,"data":[{"b64_json":"AAAA"}]}'
    spoken = _in_words_of(line, _usage(dice, usage))
    return _compact({"id": "x", "choices": [{"text": "é\u2028"}], "usage": spoken})


def _stream(line: bytes, dice: Random, usage=None) -> bytes:
    spoken = _in_words_of(line, _usage(dice, usage))
    if b"completions" in line:
        events = _completion_events(dice, spoken)
    elif b"messages" in line:
        last = ("message_delta", {"delta": {}, "usage": spoken})
        stop = _event("message_stop", {})
        events = [_event("message_start", {}), *_deltas(dice), _event(*last), stop]
    else:
        last = ("response.completed", {"response": {"usage": spoken}})
        events = [_event("response.created", {}), *_deltas(dice), _event(*last)]
    if dice.random() < 0.05:
        events.insert(
            dice.randint(0, len(events)),
            b'event: error\ndata: {"error":{"message":"Traceback of the engine"}}\n\n',
        )
    return _chunked(events, dice)


def _completion_events(dice: Random, usage) -> list[bytes]:
    choice = {"index": 0, "delta": {"content": "x"}}
    said = usage if isinstance(usage, dict) else {}
    tokens = [
        {"choices": [choice], "usage": {**said, "completion_tokens": number}}
        for number in range(dice.randint(1, 6))
    ]
    documents = [*tokens, {"choices": [], "usage": usage}]
    lines = [b"data: %b\n\n" % _compact(document) for document in documents]
    return [*lines, b"data: [DONE]\n\n"]


def _deltas(dice: Random) -> list[bytes]:
    count = dice.randint(1, 5)
    return [_event("x.delta", {"delta": "hello\n\n"}) for _ in range(count)]


def _event(name: str, value: dict[str, Any]) -> bytes:
    data = _compact({"type": name, **value})
    return b"event: %b\ndata: %b\n\n" % (name.encode(), data)


def _compact(value) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
