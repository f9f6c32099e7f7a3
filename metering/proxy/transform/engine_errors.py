"""An engine's refusal as the caller may see it: our shape, no addresses, no salts."""

import msgspec

from metering.proxy import errors
from metering.proxy.errors import RefusedError

_MESSAGE_CHARACTERS_MAX = 1000
_BAD_REQUEST = 400
_UNPROCESSABLE = 422
BUSY = (429, 503)


class _Error(msgspec.Struct):
    message: str = ""
    param: str | None = None


class _Body(msgspec.Struct):
    error: _Error


def public_error(status: int, body: bytes, *, secret: str) -> RefusedError:
    """`secret` is the tenant's salt: a validation message may quote its whole input."""
    if status in BUSY:
        return RefusedError(
            errors.OVERLOADED,
            "The engine's queue is full. Please retry shortly.",
            retry_after_seconds=1,
        )
    if status not in (_BAD_REQUEST, _UNPROCESSABLE):
        return RefusedError(
            errors.ENGINE_UNAVAILABLE,
            "The engine failed on this request. You were not charged.",
        )
    try:
        error = msgspec.json.decode(body, type=_Body).error
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        error = _Error()
    message = error.message.replace(secret, "…")[:_MESSAGE_CHARACTERS_MAX]
    too_long = "context length" in message or error.param == "input_tokens"
    return RefusedError(
        errors.CONTEXT_TOO_LONG if too_long else errors.ENGINE_REFUSED,
        message or "The engine refused this request.",
        param=(error.param or "").removeprefix("body.") or None,
    )
