"""Reads what a server sent as strictly as a wary client would."""

import json
import re
from dataclasses import dataclass

_STATUS_LINE = re.compile(rb"HTTP/1\.1 (\d{3}) [A-Za-z -]+")
_HEADER = re.compile(rb"([a-z0-9-]+): ([\x20-\x7e]*)")
_SIZE_LINE = re.compile(rb"([0-9a-fA-F]+)(?:;[\x20-\x7e]*)?")


class NotHttpError(Exception):
    pass


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def is_interim(self) -> bool:
        return self.status == 100


def read_answers(data: bytes, *, to_head: bool = False) -> tuple[list[Answer], bytes]:
    """(whole answers, what an unfinished one has so far). `to_head`: they answer HEAD
    and have no body. Raises NotHttpError.
    """
    answers: list[Answer] = []
    while data:
        head, mark, rest = data.partition(b"\r\n\r\n")
        if not mark:
            return answers, data
        status, headers = _read_head(head)
        if status == 100 or to_head:
            body: bytes | None = b""
        elif "content-length" in headers:
            length = int(headers["content-length"])
            body = rest[:length] if len(rest) >= length else None
            rest = rest[length:]
        else:
            body, rest = _read_chunks(rest)
        if body is None:
            return answers, data
        answers.append(Answer(status, headers, body))
        data = rest
    return answers, b""


def _read_head(head: bytes) -> tuple[int, dict[str, str]]:
    first, *lines = head.split(b"\r\n")
    found = _STATUS_LINE.fullmatch(first)
    if not found:
        raise NotHttpError(first[:200])
    headers: dict[str, str] = {}
    for line in lines:
        pair = _HEADER.fullmatch(line)
        if not pair or (name := pair[1].decode()) in headers:
            raise NotHttpError(line[:200])
        headers[name] = pair[2].decode()
    status = int(found[1])
    if status != 100 and ("content-length" in headers) == (
        headers.get("transfer-encoding") == "chunked"
    ):
        raise NotHttpError(head[:500])
    return status, headers


def _read_chunks(data: bytes) -> tuple[bytes | None, bytes]:
    """(the body, what follows it); the body is None when its end has not come."""
    body = b""
    while True:
        line, mark, rest = data.partition(b"\r\n")
        if not mark:
            return None, b""
        found = _SIZE_LINE.fullmatch(line)
        if not found:
            raise NotHttpError(line[:200])
        size = int(found[1], 16)
        if size == 0:
            return _read_trailers(body, rest)
        if len(rest) < size + 2:
            return None, b""
        if rest[size : size + 2] != b"\r\n":
            raise NotHttpError(rest[size : size + 20])
        body, data = body + rest[:size], rest[size + 2 :]


def _read_trailers(body: bytes, rest: bytes) -> tuple[bytes | None, bytes]:
    if rest.startswith(b"\r\n"):
        return body, rest[2:]
    trailers, mark, rest = rest.partition(b"\r\n\r\n")
    if not mark:
        return None, b""
    _read_head(b"HTTP/1.1 100 C\r\n" + trailers)
    return body, rest


def check_error(answer: Answer) -> None:
    """It has the shape of one of the dialects, and a retry is told where one helps."""
    document = json.loads(answer.body)
    error = document["error"]
    assert error["message"], answer
    assert error["code"], answer
    if document.get("type") == "error":  # Anthropic's
        assert document["request_id"] == answer.headers["x-request-id"]
        assert set(error) == {"type", "message", "code"}
    else:
        assert set(document) == {"error"}
        assert set(error) == {"type", "message", "code", "param"}
