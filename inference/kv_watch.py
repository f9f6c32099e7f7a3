"""Holds what an engine's leases claim against what its pool of blocks tells.

Runs beside the engine's routes and is fed by KV events alone. Without a platform that
listens nobody is charged, so it looks when somebody does.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, TypeVar

import msgspec

from inference.domain.kv_control import (
    Judged,
    Judgement,
    KvBlocks,
    KvEvents,
    LeaseClaim,
    LeaseClaims,
)
from inference.domain.kv_verifier import KvVerifier
from inference.domain.lease_terms import Tier

LOOK_SECONDS = 1.0
ROUNDS_MAX = 20
"""Of asking for events; an engine that is faster is looked at the next time."""

Ask = Callable[[str, dict[str, Any]], Awaitable[tuple[int, bytes]]]
"""Operation of `lease_control.answer` and its arguments; HTTP status and JSON."""

_Told = TypeVar("_Told")


class KvWatch:
    def __init__(self, ask: Ask, verifier: KvVerifier | None = None) -> None:
        self._ask = ask
        self._verifier = verifier or KvVerifier()
        self._turn = asyncio.Lock()
        self._due_at = 0.0
        self._skip = 0
        self._suspects: set[tuple[str, Tier]] = set()
        self._wanting: set[tuple[str, Tier]] = set()

    async def look_if_due(self) -> None:
        """At some of the leases; at all of them one after the other.

        A lease that is found wanting is looked at once more before it counts as lost:
        events of its blocks may have been on their way.
        """
        if self._turn.locked() or time.monotonic() < self._due_at:
            return
        async with self._turn:
            self._due_at = time.monotonic() + LOOK_SECONDS
            claimed = await self._read("claims", {"skip": self._skip}, LeaseClaims)
            if claimed is not None:
                await self._look(claimed)

    async def prove(self, lease_id: str, tenant_id: str) -> None:
        """Of one lease, if it can be; it is not judged otherwise."""
        asked = {"lease_id": lease_id, "tenant_id": tenant_id}
        async with self._turn:
            claimed = await self._read("claim", asked, LeaseClaims)
            if claimed and claimed.claims and await self._keep_up(claimed):
                await self._judge(Judgement(proven=self._proven(claimed.claims)))

    async def _look(self, claimed: LeaseClaims) -> None:
        self._skip = 0 if claimed.is_last else self._skip + len(claimed.claims)
        if claimed.claims and await self._keep_up(claimed):
            wanting = set(filter(None, map(self._found_wanting, claimed.claims)))
            self._wanting |= wanting
            again = sorted(wanting & self._suspects)
            proven = self._proven(claimed.claims)
            await self._judge(Judgement(proven=proven, disproved=again))
        if claimed.is_last:
            self._suspects, self._wanting = self._wanting, set()

    def _proven(self, claims: list[LeaseClaim]) -> list[str]:
        verifier = self._verifier
        return [
            one.lease_id for one in claims if verifier.is_intact(one.tier, one.names)
        ]

    def _found_wanting(self, claim: LeaseClaim) -> tuple[str, Tier] | None:
        if self._verifier.is_intact(claim.tier, claim.names) is False:
            return claim.lease_id, claim.tier
        return None

    async def _keep_up(self, claimed: LeaseClaims) -> bool:
        """Whether all events are counted that have to prove the claims."""
        for _ in range(ROUNDS_MAX):
            if self._verifier.has_seen(claimed.epoch, claimed.kv_sequence):
                return True
            asked = {"sequence": self._verifier.sequence}
            told = await self._read("kv_events", asked, KvEvents)
            if told is not None and not self._verifier.take(told):
                await self._begin_anew()
        return False

    async def _begin_anew(self) -> None:
        """Events are missing."""
        blocks = await self._read("kv_blocks", {}, KvBlocks)
        if blocks is not None:
            self._verifier.begin(blocks)

    async def _judge(self, verdict: Judgement) -> None:
        if verdict.proven or verdict.disproved:
            await self._read("judge", msgspec.to_builtins(verdict), Judged)

    async def _read(
        self, operation: str, asked: dict[str, Any], form: type[_Told]
    ) -> _Told | None:
        status, body = await self._ask(operation, asked)
        if status != HTTPStatus.OK:
            return None
        return msgspec.json.decode(body, type=form)
