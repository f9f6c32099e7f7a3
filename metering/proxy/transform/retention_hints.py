"""Other vendors' words for keeping a prompt, read as terms of a lease.

Anthropic's `cache_control` {"type": "ephemeral", "ttl": "5m|1h"}, at the top of a
message call or on a block; OpenAI's `prompt_cache_options` {"mode":
"implicit|explicit", "ttl": "30m"}, `prompt_cache_breakpoint` {"mode": "explicit",
"ttl": …} on a part, and `prompt_cache_retention`. They are honoured where the project
says so, and else left out.
"""

from typing import Any, Literal, NamedTuple

import msgspec
from msgspec import Raw

from inference.domain.lease_terms import Tier
from metering.proxy.transform.lease_fields import AskedLease, duration_ms

ANTHROPIC, OPENAI = "cache_control", "prompt_cache_breakpoint"
MARKS = frozenset({ANTHROPIC, OPENAI})
"""Of blocks and parts; no part of the prompt."""
MIXED_TTLS = "mixed_ttls"
_OPTIONS, _RETENTION = "prompt_cache_options", "prompt_cache_retention"
_OPENAI_TTL = "30m"
_RETENTIONS = {"in_memory": "5m", "24h": "24h"}
"""OpenAI keeps what is in memory for five to ten minutes without use, at least."""
_SECTIONS = ("tools", "system", "messages", "input")
"""In the order in which a prompt is made of them."""
_decode = msgspec.json.decode
_encode = msgspec.json.encode


class _CacheControl(msgspec.Struct, kw_only=True):
    type: Literal["ephemeral"]
    ttl: Literal["5m", "1h"] = "5m"


class _Breakpoint(msgspec.Struct, kw_only=True):
    mode: Literal["explicit"] = "explicit"
    ttl: str | None = None


class _Options(msgspec.Struct, kw_only=True):
    mode: Literal["implicit", "explicit"] = "implicit"
    ttl: str | None = None


class Hint(NamedTuple):
    asked: AskedLease
    prefix: dict[str, Raw] | None = None
    """The fields of the prompt up to the breakpoint; None: all of it is kept."""
    refused: str = ""
    """Why no lease can be what the hint says."""


class _Mark(NamedTuple):
    section: str
    item: int
    part: int
    """-1: the whole item."""
    value: Any


def read_hint(raw: dict[str, Raw]) -> Hint | None:
    """None: the call has none.

    Raises msgspec.ValidationError and RefusedError for what no such API knows.
    """
    return _anthropic(raw) or _openai(raw)


def _anthropic(raw: dict[str, Raw]) -> Hint | None:
    whole = _decode(raw.get(ANTHROPIC, b"null"), type=_CacheControl | None)
    sections = _sections(raw, ANTHROPIC)
    marks = _marks(sections, ANTHROPIC)
    given = [msgspec.convert(mark.value, _CacheControl) for mark in marks]
    ttls = {one.ttl for one in ([*given, whole] if whole else given)}
    if not ttls:
        return None
    return _hint(
        ttls,
        tier=Tier.AUTO,
        param=ANTHROPIC,
        prefix=None if whole else _up_to(raw, sections, marks[-1]),
    )


def _openai(raw: dict[str, Raw]) -> Hint | None:
    options = _decode(raw.get(_OPTIONS, b"null"), type=_Options | None)
    sections = _sections(raw, OPENAI)
    marks = _marks(sections, OPENAI)
    if options is None and not marks:
        return _openai_retention(raw)
    general = (options and options.ttl) or _OPENAI_TTL
    given = [msgspec.convert(mark.value, _Breakpoint).ttl for mark in marks]
    ttls = {ttl or general for ttl in given}
    prefix = _up_to(raw, sections, marks[-1]) if marks else None
    if options is not None and options.mode == "implicit":
        ttls, prefix = ttls | {general}, None
    if not ttls:
        return None
    return _hint(ttls, tier=Tier.HOST, param=_OPTIONS, prefix=prefix)


def _openai_retention(raw: dict[str, Raw]) -> Hint | None:
    kept = _decode(
        raw.get(_RETENTION, b"null"), type=Literal["in_memory", "24h"] | None
    )
    if kept is None:
        return None
    ttls = {_RETENTIONS[kept]}
    return _hint(ttls, tier=Tier.HOST, param=_RETENTION, prefix=None)


def _hint(
    ttls: set[str], *, tier: Tier, param: str, prefix: dict[str, Raw] | None
) -> Hint:
    """One lease ends at one time: of several none can be kept without one that is
    longer or shorter than was said.
    """
    times = {duration_ms(ttl, param=param) for ttl in ttls}
    asked = AskedLease(ttl_ms=max(times), tier=tier, is_chosen=False)
    return Hint(asked, prefix, MIXED_TTLS if len(times) > 1 else "")


def _sections(raw: dict[str, Raw], name: str) -> dict[str, list[Any]]:
    """Decoded are all parts of the prompt where one of them bears a mark."""
    mark = b'"%b"' % name.encode()
    if not any(mark in bytes(raw[one]) for one in _SECTIONS if one in raw):
        return {}
    found = {one: _decode(raw[one]) for one in _SECTIONS if one in raw}
    return {one: items for one, items in found.items() if isinstance(items, list)}


def _marks(sections: dict[str, list[Any]], name: str) -> list[_Mark]:
    """In the order of the prompt."""
    return [
        _Mark(section, place, part, holder[name])
        for section, items in sections.items()
        for place, item in enumerate(items)
        for part, holder in _holders(item)
        if isinstance(holder, dict) and holder.get(name) is not None
    ]


def _holders(item: Any) -> list[tuple[int, Any]]:
    content = item.get("content") if isinstance(item, dict) else None
    parts = enumerate(content) if isinstance(content, list) else ()
    return [*parts, (-1, item)]


def _up_to(
    raw: dict[str, Raw], sections: dict[str, list[Any]], mark: _Mark
) -> dict[str, Raw] | None:
    """The prompt that ends with the marked block; None where that is all of it."""
    kept = raw | {name: _bare(items) for name, items in sections.items()}
    is_end = True
    for name in reversed(_SECTIONS):
        if name == mark.section:
            items, is_last = _items_up_to(sections[name], mark)
            kept[name] = _bare(items)
            return None if is_end and is_last else kept
        if name in ("messages", "input") and name in raw:
            is_end = False
            kept[name] = Raw(b"[]")
        elif name in raw:
            is_end = False
            del kept[name]
    return kept


def _bare(items: list[Any]) -> Raw:
    return Raw(_encode(without_marks(items)))


def without_marks(part: Any) -> Any:
    if isinstance(part, list):
        return [without_marks(one) for one in part]
    if not isinstance(part, dict):
        return part
    return {name: without_marks(part[name]) for name in part if name not in MARKS}


def _items_up_to(items: list[Any], mark: _Mark) -> tuple[list[Any], bool]:
    """And whether these are all."""
    kept, last = items[: mark.item], items[mark.item]
    is_last = mark.item == len(items) - 1
    if mark.part >= 0:
        is_last = is_last and mark.part == len(last["content"]) - 1
        last = last | {"content": last["content"][: mark.part + 1]}
    return [*kept, last], is_last
