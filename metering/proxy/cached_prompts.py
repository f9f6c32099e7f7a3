"""Calls that begin with a cached prompt: by its name, and then with its messages put
before their own, or because they begin with the same messages anyway.
"""

from collections import OrderedDict
from collections.abc import Sequence

import msgspec
from msgspec import Raw

from inference.wire import CachedPromptContent, CachedPromptEntry, content_key
from metering.proxy import errors
from metering.proxy.errors import RefusedError
from metering.proxy.snapshots import Snapshots
from metering.proxy.transform.cached_prompt_field import (
    FIELD,
    may_begin_with_one,
    own_messages,
)
from metering.proxy.transform.request import ParsedRequest
from metering.proxy.valkey import Valkey, ValkeyUnavailableError
from tenants.wire import KeyPolicy

_CONTENTS_BYTES_MAX = 64 * 1024 * 1024
"""Kept by this process; those used last."""
_UNAVAILABLE = RefusedError(
    errors.CACHED_PROMPTS_UNAVAILABLE,
    "Cached prompts cannot be read right now. Please retry in a second.",
    retry_after_seconds=1,
)

_decode = msgspec.json.Decoder(CachedPromptContent).decode
_replace = msgspec.structs.replace


class CachedPrompts:
    def __init__(self, snapshots: Snapshots, valkey: Valkey) -> None:
        self._snapshots = snapshots
        self._valkey = valkey
        self._contents: OrderedDict[str, tuple[CachedPromptContent, int]]
        self._contents = OrderedDict()
        self._bytes = 0

    def recognized(
        self, request: ParsedRequest, policy: KeyPolicy, *, model: str, at_ms: int
    ) -> ParsedRequest | None:
        """None: it begins with no prompt of its project, or names one."""
        if not self._snapshots.cached_prompts.has_any(policy, model):
            return None  # first, since most calls are of projects without any
        if request.prompt_name or (request.lease and request.lease.order):
            return None
        if not may_begin_with_one(request.raw, request.endpoint, request.asked):
            return None
        entry = self._snapshots.cached_prompts.recognize(
            policy, model, request.raw, at_ms=at_ms
        )
        if entry is None:
            return None
        messages = msgspec.json.decode(request.raw["messages"], type=list[Raw])
        own_bytes = sum(map(len, messages[entry.messages :]))
        return _replace(request, prompt=entry, prompt_bytes=own_bytes)

    async def named(
        self, request: ParsedRequest, policy: KeyPolicy, *, model: str, at_ms: int
    ) -> ParsedRequest:
        """The request with the messages and tools of the prompt that it names.

        Raises RefusedError.
        """
        own = own_messages(request.raw)
        entry = await self._find(request.prompt_name, policy, at_ms)
        if entry.model != model:
            raise RefusedError(
                errors.INVALID_VALUE,
                f"This cached prompt is of the model {entry.model}; its KV means "
                f"nothing to {model}.",
                param=FIELD,
            )
        content = await self._content(entry)
        prefix = request.leased_prefix
        return _replace(
            request,
            raw=_after(content, request.raw),
            leased_prefix=None if prefix is None else _after(content, prefix),
            prompt=entry,
            prompt_bytes=sum(map(len, own)),
        )

    async def _find(
        self, name: str, policy: KeyPolicy, at_ms: int
    ) -> CachedPromptEntry:
        def look() -> CachedPromptEntry | None:
            prompts = self._snapshots.cached_prompts
            return prompts.find(policy, name, at_ms=at_ms)

        found = look()
        if found is None:
            is_fresh = await self._snapshots.refresh_for_unknown()
            found = look()
            if found is None and not is_fresh:
                raise _UNAVAILABLE
        if found is None:
            raise RefusedError(
                errors.CACHED_PROMPT_NOT_FOUND,
                f"There is no cached prompt {name!r} in this project, or it has "
                "expired.",
                param=FIELD,
            )
        return found

    async def _content(self, entry: CachedPromptEntry) -> CachedPromptContent:
        """Raises RefusedError."""
        cached_prompt_id = entry.cached_prompt_id
        if (known := self._contents.get(cached_prompt_id)) is not None:
            self._contents.move_to_end(cached_prompt_id)
            return known[0]
        key = content_key(tenant_id=entry.tenant_id, cached_prompt_id=cached_prompt_id)
        try:
            blob = await self._valkey.ask("GET", key)
        except ValkeyUnavailableError:
            raise _UNAVAILABLE from None
        if not isinstance(blob, bytes):
            raise _UNAVAILABLE  # the control plane puts it there again
        content = _decode(blob)
        self._keep(cached_prompt_id, content, len(blob))
        return content

    def _keep(
        self, cached_prompt_id: str, content: CachedPromptContent, size: int
    ) -> None:
        if cached_prompt_id in self._contents:
            return  # another call was as quick
        self._contents[cached_prompt_id] = content, size
        self._bytes += size
        while self._bytes > _CONTENTS_BYTES_MAX:
            _, (_, gone) = self._contents.popitem(last=False)
            self._bytes -= gone


def _after(content: CachedPromptContent, raw: dict[str, Raw]) -> dict[str, Raw]:
    """The members of a body, with its messages after those of the prompt."""
    own = msgspec.json.decode(raw.get("messages", b"[]"), type=list[Raw])
    raw = raw | {"messages": _list((*content.messages, *own))}
    return raw | {"tools": _list(content.tools)} if content.tools else raw


def _list(items: Sequence[Raw]) -> Raw:
    return Raw(b"[%b]" % b",".join(map(bytes, items)))
