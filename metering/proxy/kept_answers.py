"""Answers kept in Valkey by idempotency key: `lua/kept_answers.lua`, typed.

Nothing here waits: each act calls back, with None when Valkey was silent.
"""

import enum
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from metering.proxy.called_script import CalledScript
from metering.proxy.settings import (
    KEPT_ANSWER_SECONDS,
    KEPT_BYTES_PER_TENANT_MAX,
    KEPT_KEYS_PER_TENANT_MAX,
)
from metering.proxy.valkey import Reply, Valkey

_GRACE_OF_LEASE = 5
"""A lease that ran out is waited for once more, by a fifth of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """Where the call of one idempotency key is kept."""

    tenant_id: int
    project_id: int
    name: str
    """SHA-256 of the key: what a caller writes there is nobody's to read."""
    digest: str
    """SHA-256 of method, path and body."""

    @property
    def place(self) -> str:
        return (
            f"tokenfab:idempotency:{{{self.tenant_id}}}:{self.project_id}:{self.name}"
        )

    def keys(self) -> tuple[str, str, str]:
        tenant = f"tokenfab:idempotency:{{{self.tenant_id}}}:kept"
        return self.place, f"{self.place}:answer", tenant


class Verdict(enum.StrEnum):
    """What a claim came to; see the script."""

    RUN = "run"
    RUNNING = "running"
    SEALED = "sealed"
    DONE = "done"
    UNKEPT = "unkept"
    OTHER = "other"
    FULL = "full"
    GONE = "gone"


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    verdict: Verdict
    run: str = ""
    headers: bytes = b""
    is_stream: bool = False
    data: bytes = b""
    """Of the answer, from the offset that was asked for."""
    event: bytes = b""


class Storing(enum.IntEnum):
    """What became of bytes that were to be stored."""

    LOST = 0
    """Another process runs this key."""
    STORED = 1
    MISALIGNED = 2
    UNKEPT = 3


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    storing: Storing
    length: int = 0
    """Bytes of the answer that are stored."""


class Portion(msgspec.Struct, frozen=True, kw_only=True):
    """The next part of an answer, and what is known of it by now."""

    offset: int
    data: bytes
    headers: bytes
    is_stream: bool
    is_dropped: bool
    """The answer is too long to be kept."""
    event: bytes = b""
    released: int = -1
    """Bytes that may be shown before `event` is durable; -1: the end is not known."""


class KeptAnswers:
    def __init__(self, valkey: Valkey, *, lease_seconds: float) -> None:
        self._script = CalledScript(valkey, "kept_answers.lua")
        self.lease_seconds = lease_seconds
        self._lease_ms = int(lease_seconds * 1000)

    def claim(
        self,
        record: Record,
        callback: Callable[[Claim | None], None],
        *,
        run: str,
        offset: int = 0,
        joined: str = "",
    ) -> None:
        def answered(reply: Reply | None) -> None:
            callback(_claim(reply) if isinstance(reply, list) else None)

        self._script.call(
            answered,
            record.keys(),
            *(b"claim", record.digest, run, offset, joined, self._lease_ms),
            *(self._lease_ms // _GRACE_OF_LEASE, KEPT_ANSWER_SECONDS),
            KEPT_KEYS_PER_TENANT_MAX,
        )

    def store(
        self,
        record: Record,
        portion: Portion,
        callback: Callable[[Stored | None], None],
        *,
        run: str,
    ) -> None:
        def answered(reply: Reply | None) -> None:
            callback(_stored(reply) if isinstance(reply, list) else None)

        self._script.call(
            answered,
            record.keys(),
            *(b"store", record.digest, run, portion.offset, self._lease_ms),
            *(KEPT_ANSWER_SECONDS, KEPT_BYTES_PER_TENANT_MAX),
            *(int(portion.is_dropped), portion.headers, int(portion.is_stream)),
            *(portion.data, portion.event, portion.released),
        )

    def done(
        self, record: Record, callback: Callable[[Stored | None], None], *, run: str
    ) -> None:
        """The event is durable: the whole answer may be shown."""

        def answered(reply: Reply | None) -> None:
            callback(_stored(reply) if isinstance(reply, list) else None)

        self._script.call(answered, record.keys(), b"done", run)

    def release(self, record: Record, *, run: str) -> None:
        """The call came to nothing: the key is as new."""
        self._script.call(_ignore, record.keys(), b"release", run)

    def leave(self, record: Record, *, run: str) -> None:
        """Nobody works on it here any more."""
        self._script.call(_ignore, record.keys(), b"leave", run)


def _claim(reply: list[Reply]) -> Claim:
    verdict = Verdict(reply[0].decode())
    run = reply[1].decode() if len(reply) > 1 else ""
    if len(reply) <= 2:  # noqa: PLR2004 - a verdict without an answer
        return Claim(verdict=verdict, run=run)
    _, _, headers, is_stream, data, event = reply
    return Claim(
        verdict=verdict,
        run=run,
        headers=headers,
        is_stream=bool(is_stream),
        data=data,
        event=event,
    )


def _stored(reply: list[Reply]) -> Stored:
    storing, *length = reply
    return Stored(storing=Storing(storing), length=length[0] if length else 0)


def _ignore(reply: Reply | None) -> None:
    del reply
