"""Stripe's form bodies: `lines[0][amount]=5` is {"lines": [{"amount": "5"}]}."""

import re
from typing import Any
from urllib.parse import parse_qsl

_PART = re.compile(r"\[([^\]]*)\]")


def decode_form(body: str) -> dict[str, Any]:
    """Values stay text; lists are sent with their indices, 0 first."""
    root: dict[str, Any] = {}
    for name, value in parse_qsl(body, keep_blank_values=True):
        first, bracket, rest = name.partition("[")
        path = [first, *_PART.findall(bracket + rest)]
        here = root
        for part in path[:-1]:
            here = here.setdefault(part, {})
        here[path[-1]] = value
    return {name: _with_lists(value) for name, value in root.items()}


def _with_lists(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    known = {name: _with_lists(one) for name, one in value.items()}
    if known and all(name.isdigit() for name in known):
        return [known[str(place)] for place in range(len(known))]
    return known


def is_true(value: Any) -> bool:
    return value in {True, "true"}
