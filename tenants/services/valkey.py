"""The control plane's way to the counters in Valkey (database 0)."""

from django.conf import settings
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

_TIMEOUT_SECONDS = 2.0


def open_valkey(*, timeout_seconds: float = _TIMEOUT_SECONDS) -> Redis:
    """One connection and no second try: whoever asks again may ask another server."""
    return Redis.from_url(
        settings.VALKEY_URL,
        decode_responses=True,
        single_connection_client=True,
        socket_timeout=timeout_seconds,
        socket_connect_timeout=timeout_seconds,
        retry=Retry(NoBackoff(), retries=0),
    )
