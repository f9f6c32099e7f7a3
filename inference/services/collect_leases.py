"""One engine's new lease receipts, asked for once and put into the books."""

import time
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from inference.domain.lease_control import LeaseEvents, LeaseList
from inference.domain.lease_gaps import continuation
from inference.lease_models import LeaseCursor
from inference.services.lease_client import WAIT_SECONDS, LeaseClient
from inference.services.resync_leases import resync_leases
from inference.services.store_lease_events import store_lease_events

_Result = TypeVar("_Result")


class InBooks(Protocol):
    """Runs something that asks the database, away from the loop."""

    def __call__(self, act: Callable[[], _Result], /) -> Awaitable[_Result]: ...


async def collect_leases(
    engine_id: int, client: LeaseClient, *, in_books: InBooks
) -> None:
    """Asks once what is new and stores it; after a gap the engine's list of leases too.

    Waits with the engine until there is something, WAIT_SECONDS at most. Raises what
    `LeaseClient` raises, and django.db.Error.
    """
    cursor = await in_books(lambda: _cursor_of(engine_id))
    listed = await client.leases() if cursor.gap_proven_ms is not None else None
    asked_ms = time.time_ns() // 1_000_000
    told = await client.events(
        cursor.sequence, wait_seconds=0 if listed else WAIT_SECONDS
    )
    _check(cursor, told)
    await in_books(lambda: _store(cursor, told, listed, asked_ms))


def _cursor_of(engine_id: int) -> LeaseCursor:
    return LeaseCursor.objects.get_or_create(engine_id=engine_id)[0]


def _check(cursor: LeaseCursor, told: LeaseEvents) -> None:
    """Raises ValueError. Such an engine would answer at once for ever."""
    if told.epoch == cursor.epoch and told.last_sequence < cursor.sequence:
        raise ValueError(
            f"receipts up to {cursor.sequence} are stored, the last is said to be"
            f" {told.last_sequence}"
        )


def _store(
    cursor: LeaseCursor, told: LeaseEvents, listed: LeaseList | None, asked_ms: int
) -> None:
    store_lease_events(cursor, told, asked_ms=asked_ms)
    if listed and continuation(cursor.sequence, told).is_last:
        resync_leases(cursor, listed)
