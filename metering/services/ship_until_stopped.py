"""The shipper's life: pass after pass over all journal folders, whatever fails."""

import logging
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from django.db import Error, OperationalError, connection
from django.utils import timezone
from psycopg.errors import LockNotAvailable

from metering.domain.months import month_of
from metering.services.prepare_usage_partitions import (
    has_partition,
    prepare_usage_partitions,
)
from metering.services.ship_journal import ship_journal

logger = logging.getLogger(__name__)

IDLE_SECONDS = 0.25
"""Between passes that found nothing: how late a lonely event is, at most."""
RETRY_SECONDS_MAX = 10.0


def ship_until_stopped(root: Path, *, wait: Callable[[float], bool]) -> None:
    """Ships all folders below `root` until `wait` says to stop.

    `wait(seconds)` returns True once it is time to stop, else False after `seconds`;
    with 0 it only asks. PostgreSQL being away is waited out: the journals keep the
    events meanwhile.
    """
    shipper = _Shipper(root, is_stopping=lambda: wait(0))
    delay = 0.0
    while not wait(delay):
        try:
            delay = 0.0 if shipper.ship() else IDLE_SECONDS
        except (Error, OSError) as error:
            delay = min(max(2 * delay, IDLE_SECONDS), RETRY_SECONDS_MAX)
            logger.warning("shipping again in %s s: %s", delay, error)
            connection.close()


class _Shipper:
    """Remembers between passes what need not be done or said again."""

    def __init__(self, root: Path, *, is_stopping: Callable[[], bool]) -> None:
        self._root = root
        self._is_stopping = is_stopping
        self._blocked: dict[str, str] = {}
        self._prepared_for: datetime | None = None

    def ship(self) -> int:
        """One pass; returns how many events it stored."""
        self._prepare_partitions()
        shipment = ship_journal(self._root, is_stopping=self._is_stopping)
        for segment, reason in shipment.blocked.items():
            if self._blocked.get(segment) != reason:
                logger.error("%s is not shipped on: %s", segment, reason)
        self._blocked = shipment.blocked
        return shipment.events

    def _prepare_partitions(self) -> None:
        """Once a month, and at the start: without beat, too, no event should need the
        DEFAULT partition.
        """
        now = timezone.now()
        if self._prepared_for == month_of(now):
            return
        try:
            prepare_usage_partitions(now)
        except OperationalError as error:
            # A dump, say, holds the table. Only this month is worth waiting for.
            is_held = isinstance(error.__cause__, LockNotAvailable)
            if not (is_held and has_partition(now)):
                raise
            logger.warning("later months are left to the next task: %s", error)
        self._prepared_for = month_of(now)
