"""A conversation whose KV a client leases from turn to turn."""

import random
from typing import Any

from benchmarks.chaos.operations import Attempt, Ending

_SYSTEM = "You are a careful clerk who answers in one short sentence. " * 6
_OUTPUT_TOKENS = (8, 40)
_TURNS_MAX = 6
_TIMEOUTS = ("0.5s", "3s", "10s")
"""The first ends before the next turn, as often as not."""


class Talk:
    """A client of chat completions that keeps its lease as long as all goes well."""

    def __init__(self) -> None:
        self._messages: list[dict[str, str]] = []
        self._lease_id = ""

    def turn(self, chance: random.Random) -> dict[str, Any]:
        """Fields of the next request."""
        if not self._messages or len(self._messages) > 2 * _TURNS_MAX:
            self._messages = [{"role": "system", "content": _SYSTEM}]
            self._lease_id = ""
        text = f"Row {chance.randrange(10**6)}: tidy it, please."
        self._messages.append({"role": "user", "content": text})
        fields: dict[str, Any] = {
            "messages": list(self._messages),
            "max_tokens": chance.randint(*_OUTPUT_TOKENS),
            "kv_retention": {"timeout": chance.choice(_TIMEOUTS)},
        }
        if self._lease_id:
            fields["kv_lease"] = f"kvl_{self._lease_id}"
        return fields

    def take(self, last: Attempt) -> None:
        """How the turn ended; if not well, the next one begins another conversation."""
        if last.ending is not Ending.COMPLETE:
            self._messages = []
            return
        self._messages.append({"role": "assistant", "content": last.text})
        self._lease_id = last.lease_id
