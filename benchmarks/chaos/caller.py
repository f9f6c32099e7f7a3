"""One request of a client, and how it ended."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import httpx

from benchmarks.chaos.dialects import Dialect, text_of
from benchmarks.chaos.operations import Attempt, Ending, now_us

_DATA = "data: "
_PATIENCE = httpx.Timeout(30.0, connect=3.0)


class _LeftError(Exception):
    """The client hangs up here."""


def new_client() -> httpx.Client:
    return httpx.Client(timeout=_PATIENCE, trust_env=False)


def send(
    client: httpx.Client,
    url: str,
    dialect: Dialect,
    *,
    body: dict[str, Any],
    headers: dict[str, str],
    leaves_after: float | None,
) -> Attempt:
    """`leaves_after`: None stays to the end; of a stream the number of events, of a
    whole answer tenths of a second.
    """
    attempt = Attempt(started_at_us=now_us())
    is_streamed = bool(body.get("stream"))
    timeout = _PATIENCE
    if leaves_after is not None and not is_streamed:
        timeout = httpx.Timeout(30.0, read=leaves_after / 10)
    try:
        with client.stream(
            "POST", url + dialect.path, json=body, headers=headers, timeout=timeout
        ) as answer:
            _read_head(attempt, answer)
            if answer.status_code != httpx.codes.OK:
                _read_refusal(attempt, answer)
            elif is_streamed:
                _read_stream(attempt, dialect, answer, leaves_after)
            else:
                _read_whole(attempt, dialect, answer)
    except _LeftError:
        attempt.ending = Ending.LEFT
    except httpx.ReadTimeout:
        attempt.ending = Ending.BROKEN if leaves_after is None else Ending.LEFT
    except httpx.TransportError:
        # What came before the connection broke stays: a stream whose end was seen is
        # complete, whatever its framing says.
        pass
    attempt.ended_at_us = now_us()
    return attempt


def _read_head(attempt: Attempt, answer: httpx.Response) -> None:
    attempt.status = answer.status_code
    attempt.request_id = answer.headers.get("x-request-id", "").removeprefix("req_")
    attempt.is_replayed = answer.headers.get("idempotent-replayed") == "true"


def _read_refusal(attempt: Attempt, answer: httpx.Response) -> None:
    text = answer.read()
    attempt.ending = Ending.REFUSED
    try:
        error = json.loads(text)["error"]
        attempt.code = str(error.get("code") or error.get("type"))
    except (ValueError, KeyError, TypeError):
        attempt.code = "?"


def _read_whole(attempt: Attempt, dialect: Dialect, answer: httpx.Response) -> None:
    data = answer.read()
    document = json.loads(data)
    attempt.said = dialect.said(dialect.usage(document))
    attempt.text = text_of(document)
    attempt.kv_lease = document.get("kv_lease") or {}
    attempt.digest = hashlib.sha256(data).digest()
    attempt.ending = Ending.COMPLETE


def _read_stream(
    attempt: Attempt,
    dialect: Dialect,
    answer: httpx.Response,
    leaves_after: float | None,
) -> None:
    usage: dict[str, Any] = {}
    kv_lease: dict[str, Any] = {}
    text, digest = "", hashlib.sha256()
    for count, data in enumerate(_data_of(answer)):
        digest.update(data.encode())
        if leaves_after is not None and count >= leaves_after:
            raise _LeftError
        document = {} if data == "[DONE]" else json.loads(data)
        usage |= dialect.usage(document)
        text += text_of(document)
        kv_lease = document.get("kv_lease") or kv_lease
        if document.get("type") in dialect.ends or data == "[DONE]":
            attempt.said = dialect.said(usage)
            attempt.text, attempt.kv_lease = text, kv_lease
            attempt.digest = digest.digest()
            attempt.ending = Ending.COMPLETE


def _data_of(answer: httpx.Response) -> Iterator[str]:
    for line in answer.iter_lines():
        if line.startswith(_DATA):
            yield line.removeprefix(_DATA)
