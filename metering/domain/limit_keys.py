"""Names of the limits' counters in Valkey. One tenant's keys share a hash tag."""

from datetime import datetime


def day_of(at: datetime) -> str:
    """`2026-11-21` of an aware time in UTC."""
    return f"{at:%Y-%m-%d}"


def month_of(at: datetime) -> str:
    """`2026-11`."""
    return f"{at:%Y-%m}"


def limit_key(tenant_id: int, scope: str, scope_id: int, model: str | None) -> str:
    """Begin of the names of all rate limits of one subject, or of it and one model."""
    key = f"tokenfab:limit:{{{tenant_id}}}:{scope}:{scope_id}"
    return f"{key}:model:{model}" if model else key


def minute_key(limit: str) -> str:
    """Binary; see metering/proxy/lua/windows.lua."""
    return f"{limit}:minute"


def requests_day_key(limit: str, day: str) -> str:
    """An integer; absent: 0. Counted from when the limit was set."""
    return f"{limit}:requests:day:{day}"


def requests_month_key(limit: str, month: str) -> str:
    return f"{limit}:requests:month:{month}"


def running_key(limit: str) -> str:
    """A sorted set: place of a running call, or a free one -> deadline in milliseconds.
    Beside it, ending in `:lent` and `:wanted`: until when free ones are out, or missed.
    """
    return f"{limit}:running"


def spent_key(tenant_id: int, scope: str, scope_id: int, period: str) -> str:
    """An integer, nanos; `period` is `day:2026-11-21` or `month:2026-11`."""
    return f"tokenfab:spent:{{{tenant_id}}}:{scope}:{scope_id}:{period}"
