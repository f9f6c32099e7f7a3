"""A coarse bound on what one caller asks of the control plane."""

import logging
from http import HTTPStatus

from django.conf import settings
from django.core.cache import cache
from django.utils import timezone
from redis import RedisError

from billing.api.v1.refusals import RefusedError

_WINDOW_SECONDS = 60
_logger = logging.getLogger(__name__)


def refuse_too_many(caller: str) -> None:
    """Raises RefusedError. Counted by the clock's minutes, in Django's cache; without
    one all are let through, since pages and books are safe either way.
    """
    now = int(timezone.now().timestamp())
    key = f"api-requests:{caller}:{now // _WINDOW_SECONDS}"
    try:
        cache.add(key, 0, timeout=2 * _WINDOW_SECONDS)
        count = cache.incr(key)
    except (RedisError, ValueError):  # ValueError: it expired in between
        _logger.warning("requests of the management API are not counted now")
        return
    if count > settings.API_REQUESTS_PER_MINUTE:
        seconds = _WINDOW_SECONDS - now % _WINDOW_SECONDS
        raise RefusedError(
            f"More than {settings.API_REQUESTS_PER_MINUTE} requests in a minute. Ask"
            f" again in {seconds} seconds.",
            code="too_many_requests",
            status=HTTPStatus.TOO_MANY_REQUESTS,
            retry_seconds=seconds,
        )
