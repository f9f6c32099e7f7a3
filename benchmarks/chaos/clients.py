"""The load: lanes that call, hang up and retry until they are told to stop."""

import random
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any, Self

import httpx

from benchmarks.chaos.caller import new_client, send
from benchmarks.chaos.dialects import CHAT, DIALECTS, Dialect
from benchmarks.chaos.operations import Attempt, Ending, Lane, Operation, now_us
from benchmarks.chaos.talk import Talk

_TEXTS = ("Hi", "Tell me about the sea. " * 12, "Why is the sky blue? " * 30)
_OUTPUT_TOKENS = (1, 40)
_KEY_SHARE, _STREAM_SHARE, _LEAVING_SHARE, _AGAIN_SHARE = 0.4, 0.5, 0.15, 0.3
_NEW_CONNECTION_SHARE, _TALK_SHARE = 0.1, 0.4
_RETRY_SECONDS_MAX = 45.0
_REST_SECONDS, _REFUSED_SECONDS = 0.15, 0.3
_FINAL = {402, 409, 429, 400, 401, 404}
"""A caller does not repeat these with the same key."""


class Load:
    """Runs while the `with` block does; `operations` is whole behind it."""

    def __init__(
        self, lanes: Sequence[Lane], *, api_url: Callable[[], str], seed: int
    ) -> None:
        self.operations: list[Operation] = []
        self.errors: list[str] = []
        """Mistakes of a lane; each ends its lane."""
        self.complete = 0
        self._refused: Counter[tuple[int, str]] = Counter()
        self._lock = threading.Lock()
        self._api_url = api_url
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(lane, f"{seed}:{lane.number}"))
            for lane in lanes
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join(timeout=2 * _RETRY_SECONDS_MAX)

    def refusals(self, tenant_id: int, code: str) -> int:
        return self._refused[tenant_id, code]

    def _run(self, lane: Lane, seed: str) -> None:
        try:
            client, talk = new_client(), Talk()
            for number in count():
                if self._stopping.is_set():
                    break
                # The nth thing that a lane does is the same, whatever became of others.
                chance = random.Random(f"{seed}:{number}")  # noqa: S311  no secret
                if chance.random() < _NEW_CONNECTION_SHARE:
                    client.close()  # the next one may reach the other proxy
                    client = new_client()
                operation = self._operate(lane, client, chance, talk)
                self._pause(operation, chance)
            client.close()
        except Exception as error:  # noqa: BLE001  shown at the end, and the run fails
            self.errors.append(f"lane {lane.number}: {error!r}")

    def _pause(self, operation: Operation, chance: random.Random) -> None:
        is_refused = operation.attempts[-1].ending is Ending.REFUSED
        mean = _REFUSED_SECONDS if is_refused else _REST_SECONDS
        self._stopping.wait(chance.uniform(0, 2 * mean))

    def _operate(
        self, lane: Lane, client: httpx.Client, chance: random.Random, talk: Talk
    ) -> Operation:
        is_talk = chance.random() < _TALK_SHARE
        dialect = CHAT if is_talk else chance.choice(DIALECTS)
        is_retried = chance.random() < _KEY_SHARE
        fields = talk.turn(chance) if is_talk else _plain_fields(dialect, chance)
        body = _body(dialect, fields, chance)
        headers = {"authorization": f"Bearer {lane.secret}"}
        if is_retried:
            headers["idempotency-key"] = str(uuid.uuid4())
        operation = Operation(
            tenant_id=lane.tenant_id,
            api_key_id=lane.api_key_id,
            path=dialect.path,
            is_streamed=bool(body.get("stream")),
            is_retried=is_retried,
            started_at_us=now_us(),
        )
        with self._lock:
            self.operations.append(operation)
        leaves_after = _leaves_after(chance)
        is_asked_again = chance.random() < _AGAIN_SHARE
        deadline = time.monotonic() + _RETRY_SECONDS_MAX
        while True:
            attempt = send(
                client,
                self._api_url(),
                dialect,
                body=body,
                headers=headers,
                leaves_after=leaves_after,
            )
            self._note(operation, attempt)
            if not is_retried or _is_settled(operation, is_asked_again=is_asked_again):
                break
            if time.monotonic() > deadline:
                break
            leaves_after = None
            self._wait_to_retry(attempt, chance)
        operation.ended_at_us = now_us()
        if is_talk:
            talk.take(operation.attempts[-1])
        return operation

    def _note(self, operation: Operation, attempt: Attempt) -> None:
        with self._lock:
            operation.attempts.append(attempt)
            self.complete += attempt.ending is Ending.COMPLETE
            self._refused[operation.tenant_id, attempt.code] += 1

    def _wait_to_retry(self, attempt: Attempt, chance: random.Random) -> None:
        """What a client does after a failure; a test of waiting longer helps nobody."""
        if attempt.ending is not Ending.COMPLETE:
            threading.Event().wait(chance.uniform(0.1, 0.6))


def _plain_fields(dialect: Dialect, chance: random.Random) -> dict[str, Any]:
    return dialect.body(chance.choice(_TEXTS), chance.randint(*_OUTPUT_TOKENS))


def _body(
    dialect: Dialect, fields: dict[str, Any], chance: random.Random
) -> dict[str, Any]:
    body = {"model": "default", **fields, "usage": {"include": True}}
    if chance.random() < _STREAM_SHARE:
        body |= {"stream": True, **dialect.stream_options}
    return body


def _leaves_after(chance: random.Random) -> float | None:
    leaves, after = chance.random() < _LEAVING_SHARE, chance.randint(0, 12)
    return float(after) + 0.1 if leaves else None


def _is_settled(operation: Operation, *, is_asked_again: bool) -> bool:
    """Whether a client with an idempotency key is content, or has to give up."""
    last = operation.attempts[-1]
    if last.ending is Ending.COMPLETE:
        return not is_asked_again or len(operation.complete) > 1
    if last.ending is Ending.BROKEN and last.is_replayed and last.status:
        # A stream that broke after its first byte is kept as it broke.
        before = operation.attempts[:-1]
        return any(
            one.is_replayed and one.request_id == last.request_id for one in before
        )
    is_final = last.ending is Ending.REFUSED and last.status in _FINAL
    was_sent = any(one.ending is not Ending.REFUSED for one in operation.attempts)
    return is_final and not was_sent
