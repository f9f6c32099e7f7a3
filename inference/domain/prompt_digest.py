"""By what a prompt is known: equal messages and tools have an equal digest.

Equal as JSON values: the order of an object's fields, blanks and escapes do not count.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from typing import Any

_END = b"\n"
"""Stands in no JSON text without blanks, so that what was joined can be told apart."""


def prompt_digest(messages: list[Any], tools: list[Any] | None) -> str:
    """Hexadecimal SHA-256. Both are decoded JSON; no tools and an empty list are equal.

    Raises RecursionError for what is nested too deeply.
    """
    *_, last = beginning_digests(messages, tools)
    return last


def beginning_digests(
    messages: Iterable[Any], tools: list[Any] | None
) -> Iterator[str]:
    """The digest of no message, of the first, of the first two and so on: as many as
    are asked for, each message being read once.
    """
    whole = hashlib.sha256(_canonical(tools or None))
    yield whole.hexdigest()
    for message in messages:
        whole.update(_canonical(message))
        yield whole.hexdigest()


def _canonical(value: Any) -> bytes:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return text.encode() + _END
