"""The cached prompts of the present snapshot: by name, by id, and by what they begin
with.
"""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Any

import msgspec
from msgspec import Raw

from inference.domain.prompt_digest import prompt_digest
from inference.wire import CachedPromptEntry
from tenants.wire import KeyPolicy

ID_PREFIX = "cp_"
_LENGTHS_MAX = 8
"""Numbers of messages that a project's prompts of one model are looked for by."""
_BEGINNING_BYTES_MAX = 1024 * 1024
"""To digest one takes some 30 ms, for which all calls wait; a longer prompt is used by
its name."""
_DIGESTS_MAX = 4096
_NULL = Raw(b"null")

_decode: Any = msgspec.json.decode


class PromptDigests:
    """By a hash of the bytes: who calls again mostly spells alike. One for all
    snapshots, of which there is a new one whenever a prompt is renewed.
    """

    def __init__(self) -> None:
        self._known: OrderedDict[bytes, str] = OrderedDict()

    def of(self, messages: Sequence[Raw], tools: Raw) -> str:
        """Empty: it is too long to be digested here. Raises msgspec.MsgspecError,
        UnicodeDecodeError and RecursionError.
        """
        if len(tools) + sum(map(len, messages)) > _BEGINNING_BYTES_MAX:
            return ""
        spelled = b"\n".join((bytes(tools), *map(bytes, messages)))
        mark = blake2b(spelled, digest_size=16).digest()
        if (known := self._known.get(mark)) is not None:
            self._known.move_to_end(mark)
            return known
        digest = prompt_digest([_decode(one) for one in messages], _decode(tools))
        self._known[mark] = digest
        if len(self._known) > _DIGESTS_MAX:
            self._known.popitem(last=False)
        return digest

    def __len__(self) -> int:
        return len(self._known)


class CachedPromptIndex:
    def __init__(
        self, entries: Iterable[CachedPromptEntry], digests: PromptDigests
    ) -> None:
        self._digests = digests
        self._by_id: dict[str, CachedPromptEntry] = {}
        self._by_name: dict[tuple[int, str], CachedPromptEntry] = {}
        self._by_model: dict[tuple[int, str], _Beginnings] = {}
        # Of two with one name, or one content, the one that lives longer counts.
        for entry in sorted(entries, key=lambda one: one.expires_at_ms):
            self._by_id[ID_PREFIX + entry.cached_prompt_id] = entry
            self._by_name[entry.project_id, entry.name] = entry
            place = entry.project_id, entry.model
            self._by_model.setdefault(place, _Beginnings()).add(entry)

    def find(
        self, policy: KeyPolicy, name: str, *, at_ms: int
    ) -> CachedPromptEntry | None:
        """By name or id, if it is of the key's project and lives at `at_ms`."""
        found = self._by_id.get(name) or self._by_name.get((policy.project_id, name))
        return found if found and _is_usable(found, policy, at_ms) else None

    def has_any(self, policy: KeyPolicy, model: str) -> bool:
        return (policy.project_id, model) in self._by_model

    def recognize(
        self, policy: KeyPolicy, model: str, raw: dict[str, Raw], *, at_ms: int
    ) -> CachedPromptEntry | None:
        """The longest prompt that a body's messages begin with, tools and all."""
        beginnings = self._by_model.get((policy.project_id, model))
        if beginnings is None:
            return None
        found = beginnings.longest(raw, self._digests)
        return found if found and _is_usable(found, policy, at_ms) else None


def _is_usable(entry: CachedPromptEntry, policy: KeyPolicy, at_ms: int) -> bool:
    is_own = (entry.tenant_id, entry.project_id) == (
        policy.tenant_id,
        policy.project_id,
    )
    return is_own and at_ms < entry.expires_at_ms


class _Beginnings:
    """The prompts of one project and model."""

    def __init__(self) -> None:
        self._entries: dict[str, CachedPromptEntry] = {}
        self._lengths: set[int] = set()

    def add(self, entry: CachedPromptEntry) -> None:
        self._entries[entry.digest] = entry
        self._lengths.add(entry.messages)

    def longest(
        self, raw: dict[str, Raw], digests: PromptDigests
    ) -> CachedPromptEntry | None:
        try:
            messages = _decode(raw.get("messages", _NULL), type=list[Raw])
            tools = raw.get("tools", _NULL)
            for length in sorted(self._lengths, reverse=True)[:_LENGTHS_MAX]:
                if length <= len(messages):
                    digest = digests.of(messages[:length], tools)
                    if (found := self._entries.get(digest)) is not None:
                        return found
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            pass  # the engine will say what is wrong with it
        return None
