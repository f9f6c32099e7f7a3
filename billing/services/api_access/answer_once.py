"""Do what an idempotency key names once, however often it is asked for."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection, transaction

from billing.errors import ActInProgressError, IdempotencyKeyReusedError
from billing.models.api_access import KeptAnswer

KEPT = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Answer:
    status: int
    body: str
    """JSON."""
    is_repeated: bool = False


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One act, as its caller named it."""

    caller: str
    idempotency_key: str
    digest: bytes
    """Of all that decides what is done."""


@transaction.atomic
def answer_once(
    asked: Asked, act: Callable[[], tuple[Answer, str]], *, now: datetime
) -> Answer:
    """What `act` answers, or what it answered the first time; the act and its answer
    are of one transaction. `act` gives the answer, and the body to keep of it.

    What `act` refuses by raising is not kept: the key may be used again. Raises
    IdempotencyKeyReusedError when the key names another act, and ActInProgressError
    when the first is not done yet.
    """
    _claim(asked)
    kept = KeptAnswer.objects.filter(
        caller=asked.caller,
        idempotency_key=asked.idempotency_key,
        created_at__gt=now - KEPT,
    ).first()
    if kept is not None:
        return _repeat(kept, asked)
    answer, body = act()
    KeptAnswer.objects.update_or_create(
        caller=asked.caller,
        idempotency_key=asked.idempotency_key,
        defaults={
            "digest": asked.digest,
            "status": answer.status,
            "body": body,
            "created_at": now,
        },
    )
    return answer


def _claim(asked: Asked) -> None:
    """Held until the end of the transaction, so that a second caller hears at once that
    the first is not done.
    """
    name = f"{asked.caller} {asked.idempotency_key}".encode()
    number = int.from_bytes(hashlib.sha256(name).digest()[:8], signed=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [number])
        (is_mine,) = cursor.fetchone()
    if not is_mine:
        raise ActInProgressError(
            "The first request with this idempotency key is not done yet. Ask again."
        )


def _repeat(kept: KeptAnswer, asked: Asked) -> Answer:
    if bytes(kept.digest) != asked.digest:
        raise IdempotencyKeyReusedError(
            "This idempotency key was used for another request. Use a new one."
        )
    return Answer(status=kept.status, body=kept.body, is_repeated=True)
