"""Lua scripts in Valkey, called by their digest."""

import hashlib
from collections.abc import Callable, Sequence
from importlib.resources import files

import hiredis

from metering.proxy.valkey import Reply, Valkey, ValkeyUnavailableError


class CalledScript:
    def __init__(self, valkey: Valkey, name: str) -> None:
        self._valkey = valkey
        self._text = (files("metering.proxy") / "lua" / name).read_bytes()
        self._digest = hashlib.sha1(self._text, usedforsecurity=False).hexdigest()

    def call(
        self,
        callback: Callable[[Reply | None], None],
        keys: Sequence[str],
        *arguments: bytes | str | int,
    ) -> None:
        """`callback` gets None for no answer and for an error of Valkey's."""
        rest = (len(keys), *keys, *arguments)

        def answered(reply: Reply | ValkeyUnavailableError) -> None:
            if isinstance(reply, ValkeyUnavailableError | hiredis.ReplyError):
                reply = None
            callback(reply)

        def or_load(reply: Reply | ValkeyUnavailableError) -> None:
            if isinstance(reply, hiredis.ReplyError) and "NOSCRIPT" in str(reply):
                self._valkey.call(answered, b"EVAL", self._text, *rest)
            else:
                answered(reply)

        self._valkey.call(or_load, b"EVALSHA", self._digest, *rest)
