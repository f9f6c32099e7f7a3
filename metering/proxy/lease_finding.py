"""The lease that a turn continues without naming it, found by what was said before.

A lease is noted under the digest of all that its turn sent. The next turn sends the
same again, then the answer, then more: what stands before its last answer has that
digest, wherever marks of caching stood meanwhile. A guess is good enough, since the
engine compares block hashes in any case.
"""

import hashlib
import time
from collections.abc import Sequence
from typing import Any, cast

import msgspec

from inference.domain.lease_row import KEPT_AFTER_MS, OWED, LeaseRow
from metering.proxy import errors
from metering.proxy.errors import RefusedError
from metering.proxy.lease_rows import LeaseRows
from metering.proxy.lease_sale import UNAVAILABLE
from metering.proxy.transform.lease_fields import AskedLease, no_such_lease
from metering.proxy.transform.request import ParsedRequest
from metering.proxy.transform.retention_hints import without_marks
from metering.proxy.valkey import Reply, Valkey, ValkeyUnavailableError
from tenants.wire import KeyPolicy

_PROMPT_BYTES_MAX = 1024 * 1024
"""Longer ones are not looked up: all other calls wait while one is read, 1.5 ms for
so many bytes."""
_CLAIM_MS = 60_000
_ITEMS = {"chat.completions": "messages", "messages": "messages", "responses": "input"}
_BEFORE_ITEMS = ("tools", "system", "instructions")
_decode = msgspec.json.decode
_encode = msgspec.json.Encoder(order="sorted").encode


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What a turn sends, as digests."""

    digest: str
    """Of all of it, or of the beginning that is to be leased."""
    before: str
    """Of what of that stands before its last answer; empty: it has none."""
    is_shared: bool = False
    """A beginning: other conversations may have the same."""

    @property
    def leads(self) -> tuple[str, ...]:
        """Where a lease may be noted that the turn continues, the best first."""
        leads = (self.digest, self.before) if self.is_shared else (self.before,)
        return tuple(lead for lead in leads if lead)


def said_in(request: ParsedRequest, *, model: str) -> Said | None:
    """None: a prompt without turns, or one that is not looked at."""
    name, raw = _ITEMS.get(request.endpoint.name), request.leased_prefix or request.raw
    if name is None or request.prompt_bytes > _PROMPT_BYTES_MAX:
        return None
    try:
        items = _decode(raw[name])
        first = [_decode(raw.get(one, b"null")) for one in _BEFORE_ITEMS]
    except (msgspec.MsgspecError, RecursionError):
        return None
    if isinstance(items, str):
        items = [{"role": "user", "content": items}]
    if not isinstance(items, list):
        return None
    is_shared = request.leased_prefix is not None
    return _said([model, is_shared, *first], items, is_shared=is_shared)


def _said(first: Sequence[Any], items: Sequence[Any], *, is_shared: bool) -> Said:
    found, before = hashlib.sha256(), ""
    end = _start_of_last_answer(items)
    for place, part in enumerate([*first, *items], start=-len(first)):
        if place == end:
            before = found.hexdigest()
        data = _encode(_plain(without_marks(part)))
        found.update(b"%d:" % len(data))
        found.update(data)
    return Said(digest=found.hexdigest(), before=before, is_shared=is_shared)


def _start_of_last_answer(items: Sequence[Any]) -> int | None:
    """An answer of `/v1/responses` may be several items."""
    end = len(items)
    while end and not _is_answer(items[end - 1]):
        end -= 1
    if not end:
        return None
    while end and _is_answer(items[end - 1]):
        end -= 1
    return end


def _is_answer(item: Any) -> bool:
    if not isinstance(item, dict):
        return False
    role, kind = item.get("role"), item.get("type", "message")
    if role is not None or not isinstance(kind, str):
        return bool(role == "assistant")
    return kind != "item_reference" and not kind.endswith("_output")


def _plain(part: Any) -> Any:
    """A text is the same as a list with this text."""
    content = part.get("content") if isinstance(part, dict) else None
    if isinstance(content, list):
        return part | {"content": [_text_or_part(one) for one in content]}
    return part | {"content": [content]} if isinstance(content, str) else part


def _text_or_part(part: Any) -> Any:
    is_text = isinstance(part, dict) and part.keys() == {"type", "text"}
    return part["text"] if is_text else part


class LeaseFinder:
    def __init__(self, valkey: Valkey, rows: LeaseRows) -> None:
        self._valkey = valkey
        self._rows = rows

    async def find(
        self, asked: AskedLease, said: Said | None, *, policy: KeyPolicy, model: str
    ) -> LeaseRow | None:
        """What the turn continues; None: nothing. Only a lease that it names must be
        there. Raises RefusedError.
        """
        try:
            if asked.previous_lease_id:
                return await self._named(asked.previous_lease_id, policy, model)
            if asked.implied_lease_id:
                return await self._left(asked.implied_lease_id, policy, model)
            for lead in said.leads if said is not None else ():
                noted = await self._noted(lead, policy)
                if noted and (row := await self._left(noted, policy, model)):
                    return row
        except ValkeyUnavailableError:
            if asked.previous_lease_id or asked.is_chosen:
                raise UNAVAILABLE from None
        return None

    async def _named(self, lease_id: str, policy: KeyPolicy, model: str) -> LeaseRow:
        """Raises RefusedError and ValkeyUnavailableError."""
        row = await self._row(lease_id, policy)
        if row is None:
            raise no_such_lease()
        if row.model != model:
            raise RefusedError(
                errors.INVALID_VALUE,
                f"This lease is of the model {row.model}; its KV means nothing to "
                f"{model}.",
                param="kv_lease",
            )
        return row

    async def _left(
        self, lease_id: str, policy: KeyPolicy, model: str
    ) -> LeaseRow | None:
        row = await self._row(lease_id, policy)
        is_left = row and row.model == model and row.status in OWED
        return row if is_left else None

    async def claim(self, said: Said, lease_id: str, *, policy: KeyPolicy) -> bool:
        """Whether it is this turn that buys what follows `lease_id`, or the first lease
        where that is empty. A claim is forgotten when its turn may have failed.
        """
        key = _key(policy.tenant_id, policy.project_id, f"{said.digest}:{lease_id}")
        try:
            claimed = await self._valkey.ask("SET", key, "", "NX", "PX", _CLAIM_MS)
        except ValkeyUnavailableError:
            return False
        return claimed is not None

    async def _row(self, lease_id: str, policy: KeyPolicy) -> LeaseRow | None:
        row = await self._rows.read(tenant_id=policy.tenant_id, lease_id=lease_id)
        return row if row and row.project_id == policy.project_id else None

    async def _noted(self, digest: str, policy: KeyPolicy) -> str:
        """Empty: there is none."""
        key = _key(policy.tenant_id, policy.project_id, digest)
        found = await self._valkey.ask("GET", key)
        return cast("bytes", found).decode() if found else ""

    def note(self, row: LeaseRow, digest: str) -> None:
        """As long as the row itself; nobody waits for it."""
        keep_ms = row.expires_at_ms + KEPT_AFTER_MS - time.time_ns() // 1_000_000
        key = _key(row.tenant_id, row.project_id, digest)
        self._valkey.call(_ignore, "SET", key, row.lease_id, "PX", max(1, keep_ms))


def _key(tenant_id: int, project_id: int, digest: str) -> str:
    return f"tokenfab:lease_of:{{{tenant_id}}}:{project_id}:{digest}"


def _ignore(reply: Reply | ValkeyUnavailableError) -> None:
    del reply
