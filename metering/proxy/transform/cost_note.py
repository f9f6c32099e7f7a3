"""`usage.cost` in an answer, for a caller that asked for it."""

from collections.abc import Sequence

import msgspec
from msgspec import Raw

_decode = msgspec.json.Decoder(dict[str, Raw]).decode
_encode = msgspec.json.Encoder().encode


def with_cost(answer: bytes | Raw, usage_path: Sequence[str], cost_usd: str) -> bytes:
    """`answer`, a JSON object, with `cost` in the object at `usage_path`, or unchanged
    without such an object. All else keeps its order and its bytes.
    """
    try:
        return _with_cost(answer, usage_path, cost_usd)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return bytes(answer)  # what counts tokens may answer with no object


def _with_cost(answer: bytes | Raw, usage_path: Sequence[str], cost_usd: str) -> bytes:
    members = _decode(answer)
    if not usage_path:
        members["cost"] = Raw(_encode(cost_usd))
        return _encode(members)
    name, *deeper = usage_path
    if members.get(name, Raw(b"null")) == Raw(b"null"):
        return bytes(answer)
    members[name] = Raw(_with_cost(members[name], deeper, cost_usd))
    return _encode(members)
