"""The life of the process that keeps money known: look after look, whatever fails."""

import logging
from collections.abc import Callable

from django.db import Error, connection
from redis import RedisError

from billing.services.spend.keep_money_seeded import keep_money_seeded

logger = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
"""Between looks: how late a new Valkey is noticed. One at 1,000 tenants takes 30 ms."""
_RETRY_SECONDS_MIN, _RETRY_SECONDS_MAX = 0.25, 1.0


def seed_until_stopped(*, wait: Callable[[float], bool]) -> None:
    """`wait(seconds)` returns True once it is time to stop, else False after `seconds`.

    Valkey or PostgreSQL being away is waited out, with short pauses: while the money is
    not known, paying callers are refused.
    """
    delay = 0.0
    while not wait(delay):
        try:
            keep_money_seeded()
            delay = LOOK_SECONDS
        except (Error, RedisError, OSError) as error:
            if delay in (0.0, LOOK_SECONDS):
                logger.warning("money is not counted: %s", error)
                delay = _RETRY_SECONDS_MIN
            else:
                delay = min(2 * delay, _RETRY_SECONDS_MAX)
            connection.close()
