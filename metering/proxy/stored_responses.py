"""Answers of `/v1/responses` that may be read again: `lua/stored_responses.lua`, typed.

They are kept by us and never by an engine, which knows no tenants. An id of another
project is an id that is not there.
"""

import re
from collections.abc import Callable
from typing import Protocol

import msgspec
from msgspec import Raw

from metering.proxy import errors
from metering.proxy.called_script import CalledScript
from metering.proxy.errors import RefusedError
from metering.proxy.settings import (
    STORED_RESPONSE_BYTES_MAX,
    STORED_RESPONSE_SECONDS,
    STORED_RESPONSES_BYTES_PER_TENANT_MAX,
)
from metering.proxy.transform.dialects.responses import RESPONSES
from metering.proxy.valkey import Reply, Valkey
from tenants.wire import KeyPolicy

_FINAL_MARKS = RESPONSES.stream.final_marks if RESPONSES.stream else ()

_ID = re.compile(r"resp_[A-Za-z0-9]{1,64}")
_LEASE_SECONDS = 10
_decode = msgspec.json.Decoder(dict[str, Raw]).decode
_encode = msgspec.json.Encoder().encode
Callback = Callable[[Reply | None], None]


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where one response is kept."""

    tenant_id: int
    project_id: int
    response_id: str

    def keys(self) -> tuple[str, str]:
        tenant = f"tokenfab:response:{{{self.tenant_id}}}"
        return f"{tenant}:{self.project_id}:{self.response_id}", f"{tenant}:kept"


def place_of(policy: KeyPolicy, response_id: str) -> Place | None:
    """None: no response has such an id."""
    if not _ID.fullmatch(response_id):
        return None
    return Place(
        tenant_id=policy.tenant_id,
        project_id=policy.project_id,
        response_id=response_id,
    )


class Cancellable(Protocol):
    def cancel(self) -> None: ...


class StoredResponses:
    def __init__(self, valkey: Valkey) -> None:
        self._script = CalledScript(valkey, "stored_responses.lua")
        self.running: dict[Place, Cancellable] = {}
        """Background ones of this process."""

    def keep(self, place: Place, document: bytes, conversation: bytes) -> None:
        """Nobody waits for it; one too long is not kept. `conversation`: the items of
        input that it answers.
        """
        if len(document) <= STORED_RESPONSE_BYTES_MAX:
            self._script.call(
                _ignore,
                place.keys(),
                *(b"keep", document, STORED_RESPONSE_SECONDS),
                *(STORED_RESPONSES_BYTES_PER_TENANT_MAX, conversation),
            )

    def begin(
        self, place: Place, document: bytes, conversation: bytes, callback: Callback
    ) -> None:
        """A background one; 1, or 0 without room."""
        self._script.call(
            callback,
            place.keys(),
            *(b"begin", document, STORED_RESPONSE_SECONDS),
            *(STORED_RESPONSES_BYTES_PER_TENANT_MAX, conversation),
            _LEASE_SECONDS * 1000,
        )

    def tick(self, place: Place, status: str, callback: Callback) -> None:
        """It still runs; 0: it need not."""
        arguments = (b"tick", status, _LEASE_SECONDS * 1000)
        self._script.call(callback, place.keys(), *arguments)

    def finish(
        self, place: Place, status: str, document: bytes, callback: Callback
    ) -> None:
        arguments = (b"finish", status, document, STORED_RESPONSE_SECONDS)
        self._script.call(callback, place.keys(), *arguments)

    def read(self, place: Place, callback: Callback) -> None:
        self._script.call(callback, place.keys(), b"read")

    def recall(self, place: Place, callback: Callback) -> None:
        """As it is read, and the conversation that it answers."""
        self._script.call(callback, place.keys(), b"recall")

    def cancel(self, place: Place, callback: Callback) -> None:
        self._script.call(callback, place.keys(), b"cancel")

    def remove(self, place: Place, callback: Callback) -> None:
        self._script.call(callback, place.keys(), b"remove")


def with_members(document: bytes, **members: object) -> bytes:
    """`document` with these members in place of its own."""
    known = _decode(document)
    known.update((name, Raw(_encode(value))) for name, value in members.items())
    return _encode(known)


def response_id_of(document: bytes) -> str:
    """Empty for what is no response."""
    try:
        return msgspec.json.decode(document, type=_Named).id
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return ""


def status_of(document: bytes) -> str:
    return msgspec.json.decode(document, type=_Named).status


def final_response(payload: bytes) -> bytes | None:
    """The response in the event that ends a stream; None: it broke off before."""
    for event in payload.split(b"\n\n"):
        if any(mark in event for mark in _FINAL_MARKS):
            data = event[event.find(b"data:") + 5 :]
            try:
                return bytes(msgspec.json.decode(data, type=_Event).response)
            except (msgspec.MsgspecError, UnicodeDecodeError):
                return None
    return None


class _Named(msgspec.Struct):
    id: str = ""
    status: str = "failed"


class _Event(msgspec.Struct):
    response: Raw


def unavailable() -> RefusedError:
    return RefusedError(
        errors.RESPONSES_UNAVAILABLE,
        "Stored responses cannot be reached right now. Please retry in a second.",
        retry_after_seconds=1,
    )


def full() -> RefusedError:
    return RefusedError(
        errors.TOO_MANY_RESPONSES,
        "Too many responses are stored. Delete some, or send `store: false`.",
        retry_after_seconds=60,
    )


def _ignore(reply: Reply | None) -> None:
    del reply
