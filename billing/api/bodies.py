"""Bodies of the control plane's API, decoded strictly."""

import re
from datetime import UTC, datetime
from typing import TypeVar

import msgspec
from django.http import HttpRequest

from inference.domain.lease_terms import LeaseClass, Tier
from inference.domain.prompt_content import NULL
from inference.domain.prompt_life import duration_ms
from inference.errors import (
    CachedPromptError,
    MissingParameterError,
    PromptTooLargeError,
)

BODY_BYTES_MAX = 4 * 1024 * 1024
"""As much as the proxies pass on."""
TTL_MS_DEFAULT = 3_600_000
_PATH = re.compile(r" - at `\$\.?([^`]*)`$")
_FIELD = re.compile(r"field `([^`]+)`")

_Body = TypeVar("_Body", bound="StrictBody")


class InvalidJsonError(CachedPromptError):
    code = "invalid_json"


class UnknownParameterError(CachedPromptError):
    code = "unknown_parameter"


class StrictBody(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    pass


class CreateBody(StrictBody, kw_only=True):
    name: str
    model: str
    messages: msgspec.Raw
    tools: msgspec.Raw = NULL
    ttl: str | None = None
    expire_time: str | None = None
    """RFC 3339."""
    auto_renew: bool = False
    tier: Tier = Tier.AUTO
    lease_class: LeaseClass = msgspec.field(name="class", default=LeaseClass.GUARANTEED)
    engine_count: int = msgspec.field(name="replicas", default=1)


class ChangeBody(StrictBody, kw_only=True):
    ttl: str | None = None
    expire_time: str | None = None
    auto_renew: bool | None = None
    tier: Tier | None = None


class QuoteBody(StrictBody, kw_only=True):
    model: str
    tokens: int | None = None
    messages: msgspec.Raw = NULL
    tools: msgspec.Raw = NULL
    timeout: str | None = None
    ttl: str | None = None
    tier: Tier | None = None
    lease_class: LeaseClass = msgspec.field(name="class", default=LeaseClass.ELASTIC)
    turns_per_hour: int | None = None


def read_body(request: HttpRequest, form: type[_Body]) -> _Body:
    """Raises CachedPromptError. Django's own bound is for forms, and lower."""
    raw = request.read(BODY_BYTES_MAX + 1)
    if len(raw) > BODY_BYTES_MAX:
        raise PromptTooLargeError(f"The body is larger than {BODY_BYTES_MAX} bytes.")
    try:
        return msgspec.json.decode(raw, type=form)
    except msgspec.ValidationError as error:
        raise _fault(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidJsonError(f"The body is not valid JSON: {error}.") from None


def _fault(text: str) -> CachedPromptError:
    field, path = _FIELD.search(text), _PATH.search(text)
    if field and "unknown field" in text:
        return UnknownParameterError(
            f"Unknown parameter: {field[1]}. Remove it, or correct its spelling.",
            param=field[1],
        )
    if field and "missing required" in text:
        return MissingParameterError(
            f"Missing required parameter: {field[1]}.", param=field[1]
        )
    param = path[1] if path and path[1] else None
    what = _PATH.sub("", text)
    return CachedPromptError(f"Invalid value for {param}: {what}.", param=param)


def time_of(
    ttl: str | None, expire_time: str | None, *, now: datetime
) -> tuple[int, datetime | None] | None:
    """(milliseconds from now, the end if that is what was given), or None where neither
    was given. Raises CachedPromptError.
    """
    if ttl is not None and expire_time is not None:
        raise CachedPromptError(
            "Give either ttl or expire_time, not both.", param="expire_time"
        )
    if ttl is not None:
        return read_duration(ttl, param="ttl"), None
    if expire_time is None:
        return None
    end = _instant(expire_time)
    return int((end - now).total_seconds() * 1000), end


def read_duration(text: str, *, param: str) -> int:
    """Milliseconds. Raises CachedPromptError."""
    try:
        return duration_ms(text)
    except ValueError as error:
        raise CachedPromptError(
            f"Invalid value for {param}: {error}.", param=param
        ) from None


def _instant(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise CachedPromptError(
            "Invalid value for expire_time: expected a time of RFC 3339 with its zone, "
            "such as `2027-01-31T12:00:00Z`.",
            param="expire_time",
        )
    return at.astimezone(UTC)
