"""`cached_prompt` of a chat: the name or id of a cached prompt, before whose messages
the caller sends only the new ones.
"""

from collections.abc import Mapping

import msgspec
from msgspec import Raw

from metering.proxy import errors
from metering.proxy.errors import RefusedError
from metering.proxy.transform.endpoint import Asked, Endpoint

FIELD = "cached_prompt"
NAME_CHARACTERS_MAX = 200
_OFFERED_BY = "chat.completions"
_CHANGING = ("truncate_prompt_tokens", "add_special_tokens")
"""With them the engine reads another beginning than the one that it holds."""
_OWN_ROLES = {"system", "developer"}
_NULL = Raw(b"null")


class _Field(msgspec.Struct):
    cached_prompt: str | None = None


class _Message(msgspec.Struct):
    role: str


def read_prompt_name(raw: Mapping[str, Raw], endpoint: Endpoint, asked: Asked) -> str:
    """Empty: the caller names none.

    Raises RefusedError, and msgspec.ValidationError with the path of the field.
    """
    if FIELD not in raw:
        return ""
    given = msgspec.json.encode({FIELD: raw[FIELD]})
    name = msgspec.json.decode(given, type=_Field).cached_prompt
    if name is None:
        return ""
    if endpoint.name != _OFFERED_BY:
        raise _invalid("cached prompts are for chat completions")
    if asked.samples > 1:
        raise _invalid("it is for n=1")
    if not 0 < len(name) <= NAME_CHARACTERS_MAX:
        raise _invalid("expected its name, or its id such as `cp_…`")
    for field in ("tools", *_CHANGING):
        if _is_given(raw, field):
            raise _invalid(f"leave {field} out; the prompt is used as it was made")
    return name


def may_begin_with_one(
    raw: Mapping[str, Raw], endpoint: Endpoint, asked: Asked
) -> bool:
    """Whether a call that names none may be recognized as beginning with one."""
    return (
        endpoint.name == _OFFERED_BY
        and asked.samples == 1
        and not any(_is_given(raw, field) for field in _CHANGING)
    )


def own_messages(raw: Mapping[str, Raw]) -> list[Raw]:
    """Raises RefusedError when they are none, or cannot follow a prompt."""
    try:
        messages = msgspec.json.decode(raw["messages"], type=list[Raw])
        first = msgspec.json.decode(messages[0], type=_Message) if messages else None
    except msgspec.ValidationError as error:
        raise RefusedError(
            errors.INVALID_VALUE, f"Invalid messages: {error}.", param="messages"
        ) from None
    if first is None or first.role in _OWN_ROLES:
        raise RefusedError(
            errors.INVALID_VALUE,
            "With a cached prompt send the messages that follow it: at least one, and "
            "no system message first, which is the prompt's to have.",
            param="messages",
        )
    return messages


def _is_given(raw: Mapping[str, Raw], field: str) -> bool:
    return raw.get(field, _NULL) != _NULL


def _invalid(what: str) -> RefusedError:
    return RefusedError(
        errors.INVALID_VALUE, f"Invalid value for {FIELD}: {what}.", param=FIELD
    )
