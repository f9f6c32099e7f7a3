"""The scripts that decide in Valkey, and how a call of one is packed.

All but the last argument is the same for all calls of a key and a model; it is packed
once, since packing costs more than all else that a hold needs of Python.
"""

import hashlib
from collections.abc import Sequence
from importlib.resources import files

import hiredis
import msgspec

_FOLDER = files("metering.proxy") / "lua"
_encode = msgspec.msgpack.Encoder().encode


class Script:
    def __init__(self, *parts: str) -> None:
        self.text = b"\n".join((_FOLDER / part).read_bytes() for part in parts)
        self.digest = hashlib.sha1(self.text, usedforsecurity=False).hexdigest()
        self.load = packed("SCRIPT", "LOAD", self.text)

    def prefix(self, keys: Sequence[str], fixed: object = None) -> bytes:
        """A call but for its last argument. None: there is no other."""
        arguments: list[bytes | str | int] = [self.digest, len(keys), *keys]
        if fixed is not None:
            arguments.append(_encode(fixed))
        whole = packed("EVALSHA", *arguments)
        head, _, rest = whole.partition(b"\r\n")
        return b"*%d\r\n%b" % (int(head[1:]) + 1, rest)


def packed(*arguments: bytes | str | int) -> bytes:
    return hiredis.pack_command(arguments)  # type: ignore[arg-type,no-any-return]


def completed(prefix: bytes, ask: object) -> bytes:
    """The whole call; `ask` is sent as MessagePack. Text must be `str`: the old
    MessagePack of Valkey's Lua knows no other.
    """
    argument = _encode(ask)
    return b"%b$%d\r\n%b\r\n" % (prefix, len(argument), argument)


HOLD = Script("windows.lua", "spending.lua", "hold.lua")
SETTLE = Script("windows.lua", "settle.lua")
SPEND = Script("spending.lua", "spend.lua")
RENEW = Script("spending.lua", "renew.lua")
SWEEP = Script("spending.lua", "sweep.lua")
ALL = (HOLD, SETTLE, SPEND, RENEW, SWEEP)
SPEND_PREFIX, RENEW_PREFIX, SWEEP_PREFIX = (
    one.prefix(()) for one in (SPEND, RENEW, SWEEP)
)
