"""Times that callers send."""

from datetime import UTC, datetime
from typing import TypeVar

import msgspec

from billing.api.v1.refusals import RefusedError

_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
_LATEST = datetime(2200, 1, 1, tzinfo=UTC)
_Form = TypeVar("_Form", bound=msgspec.Struct)


def in_utc(form: _Form) -> _Form:
    """The same with its times in UTC: PostgreSQL takes no zone of more than 16 hours,
    which RFC 3339 allows. Raises RefusedError for a time that no calendar of ours has.
    """
    times = {
        name: checked_time(name, value)
        for name, value in msgspec.structs.asdict(form).items()
        if isinstance(value, datetime)
    }
    return msgspec.structs.replace(form, **times) if times else form


def checked_time(name: str, at: datetime) -> datetime:
    """In UTC; of the field `name`. Raises RefusedError."""
    # Compared first: the first and last days of the calendar have no UTC.
    if not _EARLIEST <= at <= _LATEST:
        raise RefusedError(
            f"Invalid value for {name}: expected a time from the year 2000 to 2200.",
            code="invalid_value",
            param=name,
        )
    return at.astimezone(UTC)
