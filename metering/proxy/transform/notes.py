"""What we add to an engine's answer: `usage.cost` and `kv_lease`, where asked for."""

from collections.abc import Sequence

import msgspec
from msgspec import Raw

_decode = msgspec.json.Decoder(dict[str, Raw]).decode
_encode = msgspec.json.Encoder().encode


def with_note(
    answer: bytes | Raw,
    path: Sequence[str],
    name: str,
    note: object,
    *,
    without: Sequence[str] = (),
) -> bytes:
    """`answer`, a JSON object, with `name` in the object at `path` and the members
    `without` left out there; unchanged where there is no such object. All else keeps
    its order and its bytes.
    """
    try:
        return _with_note(answer, path, {name: Raw(_encode(note))}, without)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return bytes(answer)  # what counts tokens may answer with no object


def _with_note(
    answer: bytes | Raw,
    path: Sequence[str],
    note: dict[str, Raw],
    without: Sequence[str],
) -> bytes:
    members = _decode(answer)
    if not path:
        kept = {key: members[key] for key in members if key not in without}
        return _encode(kept | note)
    name, *deeper = path
    if members.get(name, Raw(b"null")) == Raw(b"null"):
        return bytes(answer)
    members[name] = Raw(_with_note(members[name], deeper, note, without))
    return _encode(members)
