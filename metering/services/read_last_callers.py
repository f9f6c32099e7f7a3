"""From where API keys were last used, as the proxies told Valkey."""

from collections.abc import Collection

import msgspec
from redis import RedisError

from metering.wire import LastCaller, last_caller_key
from tenants.models import ApiKey
from tenants.services.valkey import open_valkey

_TIMEOUT_SECONDS = 0.5
"""A page waits for it."""
_decode = msgspec.json.Decoder(LastCaller).decode


def read_last_callers(api_keys: Collection[ApiKey]) -> dict[int, LastCaller] | None:
    """By id of the key, those of which one is known. One question, however many keys;
    the tenant is a part of each name. None: Valkey does not answer.
    """
    if not api_keys:
        return {}
    names = [last_caller_key(one.tenant_id, one.pk) for one in api_keys]
    try:
        with open_valkey(timeout_seconds=_TIMEOUT_SECONDS) as valkey:
            found = valkey.mget(names)
    except RedisError:
        return None
    return {
        one.pk: _decode(said)
        for one, said in zip(api_keys, found, strict=True)
        if said is not None
    }
