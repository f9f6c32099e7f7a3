"""Requests as a caller might send them, and the games that can be played with them."""

import json
from random import Random
from typing import Any

from tests.metering.proxy.fuzz.mutations import damaged, spliced

_TEXT = [{"role": "user", "content": "Why is the sea salty?"}]
BODIES: dict[bytes, dict[str, Any]] = {
    b"/v1/chat/completions": {"messages": _TEXT, "max_tokens": 4},
    b"/v1/completions": {"prompt": "Once upon", "max_tokens": 4},
    b"/v1/responses": {"input": "Once upon", "max_output_tokens": 4},
    b"/v1/messages": {"messages": _TEXT, "max_tokens": 4},
    b"/v1/messages/count_tokens": {"messages": _TEXT},
    b"/v1/tokenize": {"prompt": "Once upon"},
    b"/v1/embeddings": {"input": "Once upon"},
    b"/v1/images/generations": {"prompt": "A ship"},
}
STREAMED = {
    b"/v1/chat/completions", b"/v1/completions", b"/v1/responses", b"/v1/messages",
}  # fmt: skip
_READS = [
    b"/healthz", b"/readyz", b"/metrics", b"/v1/models", b"/v1/models/default",
    b"/v1/models/none", b"/v1/responses/resp_0", b"/v1/usage/requests/req_0", b"/",
]  # fmt: skip
_VALUES: list[Any] = [
    None, True, 0, -1, 1, 1.5, 1e300, 2**53, 2**63, 2**64, 10**30, "", "x", "\0",
    "\ud7ff", [], [[]], {}, {"a": None}, [None], ["x"] * 50, {"include": True},
    [{"role": "user", "content": "x"}], [{"type": "text", "text": "x"}],
]  # fmt: skip
_EXTRA_FIELDS = [
    "stream", "stream_options", "usage", "n", "max_tokens", "max_completion_tokens",
    "max_output_tokens", "temperature", "tools", "tool_choice", "response_format",
    "logprobs", "top_logprobs", "logit_bias", "stop", "seed", "user", "metadata",
    "system", "instructions", "background", "store", "previous_response_id",
    "encoding_format", "dimensions", "size", "cache_salt", "nonsense", "echo",
    "include", "text", "reasoning", "truncate_prompt_tokens", "add_special_tokens",
]  # fmt: skip
_HEADERS = [
    b"content-length: 5", b"content-length: 5, 5", b"content-length:", b"x:",
    b"content-length: +5", b"content-length: 99999999999999999999",
    b"content-length: 18446744073709551615", b"content-length: 17000000",
    b"content-length: 0x10", b"transfer-encoding: chunked",
    b"transfer-encoding: gzip, chunked", b"transfer-encoding: chunked, chunked",
    b"transfer-encoding: identity", b"transfer-encoding:\x0bchunked",
    b"Transfer-Encoding : chunked", b"a: b\r\n folded", b"\0: x", b"x: \0",
    b"x: \xff\xfe", b"\xc3\xa9: x", b": no name", b"no colon", b"x" * 33_000 + b": y",
    b"x: " + b"y" * 40_000, b"\r\n".join([b"x: y"] * 120), b"expect: 100-continue",
    b"expect: 200-ok", b"connection: close", b"connection: keep-alive, close",
    b"connection: upgrade\r\nupgrade: h2c", b"upgrade: websocket",
    b"host: a\r\nhost: b",
    b"authorization: Bearer", b"authorization: \xff", b"x-api-key: \xff",
    b"authorization: Bearer tf_live_wrong", b"idempotency-key: one",
    b"idempotency-key: " + b"k" * 300, b"idempotency-key: \xff", b"idempotency-key:",
    b"content-encoding: gzip", b"accept-encoding: gzip", b"te: trailers",
]  # fmt: skip
_TARGETS = [
    b"http://proxy/v1/models", b"HTTP://u:p@h:1/healthz?x", b"*", b"//", b"/v1//models",
    b"/v1/models?x=" + b"y" * 100, b"/v1/models/%2e%2e", b"/v1/models/\xc3\xa9", b"?",
    b"/v1/models#x", b"/" + b"y" * 40_000, b"/v1/responses/" + b"z" * 500,
    b"/v1/usage/requests/" + b"\xff" * 9, b"proxy:80", b"/v1/chat/completions/",
]  # fmt: skip
_METHODS = [
    b"GET", b"POST", b"HEAD", b"OPTIONS", b"PUT", b"DELETE", b"CONNECT", b"TRACE",
    b"PATCH", b"PRI", b"get", b"M-SEARCH", b"",
]  # fmt: skip
_CHUNKS = [
    b"0\r\n\r\n", b"5;a=b\r\nhello\r\n0\r\n\r\n", b"fffffffffffffffff\r\n", b"-1\r\n",
    b"1000001\r\n", b"5\r\nhello0\r\n\r\n", b"5\r\nhel", b"g\r\n", b"0x5\r\nhello\r\n",
    b"0\r\nx-trailer: 1\r\n\r\n", b"0\r\ncontent-length: 9\r\n\r\n", b"5\nhello\n0\n\n",
    b"0\r\nauthorization: Bearer x\r\nidempotency-key: t\r\n\r\n",
    b"00000000000\r\n\r\n",
    b"1;" + b"e" * 20_000 + b"\r\nx\r\n0\r\n\r\n", b"\r\n\r\n", b"1 \r\nx\r\n0\r\n\r\n",
    b"0\r\nx: " + b"y" * 40_000 + b"\r\n\r\n", b"0\r\n" + b"x: y\r\n" * 150 + b"\r\n",
]  # fmt: skip


def posted(path: bytes, secret: bytes, body: bytes, *headers: bytes) -> bytes:
    lines = [b"POST %b HTTP/1.1" % path, b"host: proxy", *headers]
    lines.append(b"authorization: Bearer %b" % secret)
    return b"\r\n".join(lines) + b"\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)


def _in_chunks(path: bytes, secret: bytes, body: bytes, dice: Random) -> bytes:
    size = dice.choice((1, 7, 64, 4096))
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    framed = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)
    end = b"0\r\n\r\n" if dice.random() < 0.5 else dice.choice(_CHUNKS)
    head = b"POST %b HTTP/1.1\r\nauthorization: Bearer %b\r\n" % (path, secret)
    return head + b"transfer-encoding: chunked\r\n\r\n" + framed + end


def body_for(path: bytes, dice: Random) -> dict[str, Any]:
    body = {"model": "default", **BODIES[path]}
    if path in STREAMED and dice.random() < 0.4:
        body["stream"] = True
    return body


def _odd_fields(body: dict[str, Any], dice: Random) -> dict[str, Any]:
    for _ in range(dice.randint(1, 3)):
        name = dice.choice([*body, *_EXTRA_FIELDS])
        body = {**body, name: dice.choice(_VALUES)}
    return body


def valid(secret: bytes, dice: Random) -> bytes:
    """A request that is well-formed HTTP; its body need not please anybody."""
    if dice.random() < 0.15:
        path = dice.choice(_READS)
        return b"GET %b HTTP/1.1\r\nx-api-key: %b\r\n\r\n" % (path, secret)
    path = dice.choice(list(BODIES))
    body = body_for(path, dice)
    if dice.random() < 0.3:
        body = _odd_fields(body, dice)
    text = json.dumps(body).encode()
    if dice.random() < 0.15:
        text = damaged(text, dice)
    if dice.random() < 0.2:
        return _in_chunks(path, secret, text, dice)
    keyed = [b"idempotency-key: %d" % dice.randrange(40)] * (dice.random() < 0.15)
    return posted(path, secret, text, *keyed)


def _with_odd_header(data: bytes, dice: Random) -> bytes:
    head, mark, body = data.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    for _ in range(dice.randint(1, 2)):
        lines.insert(dice.randint(1, len(lines)), dice.choice(_HEADERS))
    return b"\r\n".join(lines) + mark + body


def _with_odd_line(data: bytes, dice: Random) -> bytes:
    line, mark, rest = data.partition(b"\r\n")
    parts = line.split(b" ")
    at = dice.randrange(3)
    versions = [b"HTTP/1.0", b"HTTP/2.0", b"HTTP/9.9", b"HTTP/1.1 ", b"", b"ICY/1.1"]
    parts[at] = dice.choice((_METHODS, _TARGETS, versions)[at])
    return b" ".join(parts) + mark + rest


def sent(secret: bytes, dice: Random) -> bytes:
    """What one connection sends."""
    data = valid(secret, dice)
    ways = (
        (15, lambda: data),
        (15, lambda: _with_odd_header(data, dice)),
        (10, lambda: _with_odd_line(data, dice)),
        (10, lambda: data + b"".join(valid(secret, dice) for _ in range(2))),
        (10, lambda: spliced(data, valid(secret, dice), dice)),
        (2, lambda: dice.randbytes(dice.randint(0, 400))),
        (8, lambda: data + dice.choice(_CHUNKS)),
        (30, lambda: damaged(data, dice)),
    )
    (way,) = dice.choices([way for _, way in ways], [weight for weight, _ in ways])
    return way()


def one_call(path: bytes, secret: bytes, case: int, dice: Random) -> bytes:
    """A well-formed call that an engine gets to see; `case` is its prompt."""
    body = body_for(path, dice)
    text = f"case {case}"
    for name in ("messages", "prompt", "input"):
        if name in body:
            is_chat = name == "messages"
            body[name] = [{"role": "user", "content": text}] if is_chat else text
    if dice.random() < 0.3:
        body["usage"] = {"include": True}
    if path == b"/v1/chat/completions" and dice.random() < 0.2:
        body["n"] = 2
    task = {b"/v1/embeddings": "embedder", b"/v1/images/generations": "painter"}
    body["model"] = task.get(path, "default")
    keyed = [b"idempotency-key: %d" % case] * (dice.random() < 0.2)
    return posted(path, secret, json.dumps(body).encode(), *keyed)
