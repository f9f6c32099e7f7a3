"""What was said before a response of `/v1/responses`, kept with it and sent again.

`input` is a text or a list of items, `output` a list of items; a conversation is one
list of both, as `input` takes it.
"""

import msgspec
from msgspec import Raw

from metering.proxy import errors
from metering.proxy.errors import RefusedError
from metering.proxy.settings import STORED_CONVERSATION_BYTES_MAX
from metering.proxy.transform.lease_fields import AskedLease, internal_id
from metering.proxy.transform.request import ParsedRequest, prompt_bytes

FIELD = "previous_response_id"
_OVER = {"completed", "incomplete"}
_encode = msgspec.json.Encoder().encode


class _Part(msgspec.Struct):
    type: str
    text: str = ""


class _Item(msgspec.Struct):
    type: str = "message"
    role: str = ""
    content: Raw = Raw(b"null")


class _Lease(msgspec.Struct):
    id: str | None = None


class _Stored(msgspec.Struct):
    model: str
    status: str
    output: list[Raw]
    kv_lease: _Lease | None = None


_decode_id = msgspec.json.Decoder(str | None).decode
_decode_items = msgspec.json.Decoder(list[Raw]).decode
_decode_item = msgspec.json.Decoder(_Item).decode
_decode_parts = msgspec.json.Decoder(list[_Part]).decode
_decode_stored = msgspec.json.Decoder(_Stored).decode


class History(msgspec.Struct, frozen=True, kw_only=True):
    model: str
    """Its public name."""
    items: list[Raw]
    """What was said, the response's own output included."""
    lease_id: str
    """That the response was granted; empty: none was."""


def previous_response_id(request: ParsedRequest) -> str | None:
    """Raises RefusedError when it is no text."""
    try:
        found: str | None = _decode_id(request.raw.get(FIELD, b"null"))
    except msgspec.MsgspecError:
        raise _invalid(f"{FIELD} must be the id of a response.") from None
    return found


def without_previous(request: ParsedRequest) -> ParsedRequest:
    """The field may be there and null; engines keep no responses."""
    if FIELD not in request.raw:
        return request
    raw = {name: value for name, value in request.raw.items() if name != FIELD}
    return msgspec.structs.replace(request, raw=raw)


def conversation_of(request: ParsedRequest) -> bytes:
    """The items that the call's response will answer, as they are kept with it; empty
    for one that is too long to be continued by its id.
    """
    given = request.raw["input"]
    if len(given) > STORED_CONVERSATION_BYTES_MAX:
        return b""
    return _encode(_items(given))


def continued(request: ParsedRequest, history: History) -> ParsedRequest:
    """The same call as if its client had sent all that was said."""
    items = [*history.items, *_items(request.raw["input"])]
    raw = without_previous(request).raw | {"input": Raw(_encode(items))}
    prefix, lease = request.leased_prefix, request.lease
    if prefix is not None and (begun := _items(prefix["input"])):
        prefix = prefix | {"input": Raw(_encode([*history.items, *begun]))}
    if history.lease_id and not (lease and lease.previous_lease_id):
        lease = msgspec.structs.replace(
            lease or AskedLease(), implied_lease_id=history.lease_id
        )
    return msgspec.structs.replace(
        request,
        raw=raw,
        prompt_bytes=prompt_bytes(raw),
        lease=lease,
        leased_prefix=prefix,
    )


def history_of(status: str, document: bytes, conversation: bytes) -> History:
    """`status`: of a response made in the background; empty: it says itself.

    Raises RefusedError.
    """
    stored = _decode_stored(document)
    if (status := status or stored.status) not in _OVER:
        raise _invalid(
            f"This response is {status}; only one that was completed can be continued."
        )
    if not conversation:
        raise _too_long()
    items = _decode_items(conversation) + [_as_input(one) for one in stored.output]
    if sum(map(len, items)) > STORED_CONVERSATION_BYTES_MAX:
        raise _too_long()
    lease_id = stored.kv_lease and stored.kv_lease.id
    return History(
        model=stored.model,
        items=items,
        lease_id=internal_id(lease_id) if lease_id else "",
    )


def _items(given: Raw) -> list[Raw]:
    """Raises RefusedError."""
    if bytes(memoryview(given)[:1]) == b'"':
        return [Raw(_encode({"role": "user", "content": given}))]
    try:
        return _decode_items(given)
    except msgspec.MsgspecError:
        raise RefusedError(
            errors.INVALID_VALUE, "input must be a text or a list.", param="input"
        ) from None


def _as_input(item: Raw) -> Raw:
    """A message in the short form in which it can be counted without the engine."""
    found = _decode_item(item)
    if found.type != "message" or found.role != "assistant":
        return item
    parts = _decode_parts(found.content)
    if any(part.type != "output_text" for part in parts):
        return item
    text = "".join(part.text for part in parts)
    return Raw(_encode({"role": "assistant", "content": text}))


def _too_long() -> RefusedError:
    return _invalid(
        "The conversation of this response is longer than "
        f"{STORED_CONVERSATION_BYTES_MAX // 1024} KiB, so it is not kept with it. Send "
        "it whole as `input`."
    )


def _invalid(message: str) -> RefusedError:
    return RefusedError(errors.INVALID_VALUE, message, param=FIELD)
