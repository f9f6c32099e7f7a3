"""What the platform may ask an engine about its leases, and the answers as JSON.

The same operations and bytes from vLLM's plugin and from the simulator; HTTP around
them is theirs.
"""

from collections.abc import Callable
from http import HTTPStatus
from itertools import islice
from typing import Annotated, Any

import msgspec

from inference.domain import kv_control
from inference.domain.lease import Lease
from inference.domain.lease_caps import LeaseCaps
from inference.domain.lease_keeper import LeaseKeeper
from inference.domain.lease_receipt import LeaseReceipt
from inference.domain.lease_table import UnknownLeaseError
from inference.domain.lease_terms import Count, Id, LeaseClass, Milliseconds, Tier

EVENTS_MAX = 1_000
"""In one answer; whoever is behind asks again."""
LEASES_MAX = 10_000
PLUGIN_VERSION = "1.0"
"""Of what gives leases within the engine: rises with what engines are told."""
PROOF_MS_MAX = 120_000
"""A proof counts so long; many leases are looked at one after the other."""


class EngineLeases(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to `status`."""

    engine_id: str
    epoch: str
    block_tokens: int
    block_bytes: int
    pool_blocks: int
    caps: LeaseCaps
    host_blocks_max: int
    """That leases may keep in host memory; 0: there is no such tier."""
    host_blocks: int
    disk_blocks_max: int = 0
    """That leases may keep on disk; 0: there is no such tier."""
    disk_blocks: int = 0
    unsupported: str
    """Why this engine gives no leases; empty: it does."""
    leases: int
    held_blocks: int
    """In HBM, shared ones once. They count as used in the engine's own gauge."""
    guaranteed_blocks: int
    tenant_blocks: int
    """Of these, those of the tenant that was asked about; 0: nobody was."""
    last_sequence: int
    rejected: dict[str, int]
    """Terms that counted for nothing, by reason."""
    disproved: int = 0
    """Leases that were held in name only, and so are lost."""
    at_ms: int
    plugin_version: str = ""
    """Empty: a plugin that does not say."""


class HeldLease(msgspec.Struct, frozen=True, kw_only=True):
    lease_id: str
    tenant_id: str
    lease_class: LeaseClass
    tier: Tier
    blocks: int
    tokens: int
    bytes: int
    last_hash: str
    until_ms: int
    host_until_ms: int
    """0: it is not kept in host memory."""
    disk_until_ms: int = 0
    """0: it is not kept on disk."""
    turns: int
    """Requests under way that continue it."""
    verified: bool = False
    """The KV events told lately that all its blocks lie there."""


class LeaseList(msgspec.Struct, frozen=True, kw_only=True):
    epoch: str
    last_sequence: int
    """The list is as of this receipt."""
    leases: list[HeldLease]
    is_whole: bool


class LeaseEvents(msgspec.Struct, frozen=True, kw_only=True):
    epoch: str
    last_sequence: int
    receipts: list[LeaseReceipt]


class OneLease(msgspec.Struct, frozen=True, kw_only=True):
    lease_id: Id
    tenant_id: Id


class StatusFor(msgspec.Struct, frozen=True, kw_only=True):
    tenant_id: str = ""


NOBODY = StatusFor()


class Extension(OneLease, frozen=True, kw_only=True):
    ttl_ms: Milliseconds


class EventsAfter(msgspec.Struct, frozen=True, kw_only=True):
    sequence: Count = 0
    count_max: Annotated[int, msgspec.Meta(ge=1, le=EVENTS_MAX)] = EVENTS_MAX


def status(keeper: LeaseKeeper, asked: StatusFor = NOBODY) -> EngineLeases:
    keeper.sweep()
    facts, holdings = keeper.facts, keeper.table.holdings
    return EngineLeases(
        engine_id=facts.engine_id,
        epoch=facts.epoch,
        block_tokens=facts.block_tokens,
        block_bytes=facts.block_bytes,
        pool_blocks=facts.pool_blocks,
        caps=facts.caps,
        host_blocks_max=keeper.host.blocks_max if keeper.host else 0,
        host_blocks=keeper.host.held_blocks if keeper.host else 0,
        disk_blocks_max=keeper.disk.blocks_max if keeper.disk else 0,
        disk_blocks=keeper.disk.held_blocks if keeper.disk else 0,
        unsupported=facts.unsupported,
        leases=len(keeper.table),
        held_blocks=holdings.held_blocks,
        guaranteed_blocks=holdings.guaranteed_blocks,
        tenant_blocks=holdings.tenant_blocks(asked.tenant_id),
        last_sequence=keeper.feed.last_sequence,
        rejected={str(reason): count for reason, count in keeper.rejected.items()},
        disproved=keeper.disproved,
        at_ms=keeper.clock_ms(),
        plugin_version=PLUGIN_VERSION,
    )


def list_leases(keeper: LeaseKeeper) -> LeaseList:
    """To begin anew from, after a gap in the receipts."""
    keeper.sweep()
    states = [_state(keeper, lease) for lease in islice(keeper.table, LEASES_MAX)]
    return LeaseList(
        epoch=keeper.facts.epoch,
        last_sequence=keeper.feed.last_sequence,
        leases=states,
        is_whole=len(states) == len(keeper.table),
    )


def get(keeper: LeaseKeeper, asked: OneLease) -> HeldLease:
    """Raises UnknownLeaseError."""
    return _state(keeper, _find(keeper, asked))


def extend(keeper: LeaseKeeper, asked: Extension) -> LeaseReceipt:
    """Raises UnknownLeaseError."""
    lease, now_ms = _find(keeper, asked), keeper.clock_ms()
    change = keeper.table.extend(lease, ttl_ms=asked.ttl_ms, now_ms=now_ms)
    return _told(keeper.carry_out(change))


def release(keeper: LeaseKeeper, asked: OneLease) -> LeaseReceipt:
    """Raises UnknownLeaseError."""
    lease, now_ms = _find(keeper, asked), keeper.clock_ms()
    return _told(keeper.carry_out(keeper.table.release(lease, now_ms=now_ms)))


def events(keeper: LeaseKeeper, asked: EventsAfter) -> LeaseEvents:
    """At once, with none if there is nothing new."""
    keeper.sweep()
    return LeaseEvents(
        epoch=keeper.facts.epoch,
        last_sequence=keeper.feed.last_sequence,
        receipts=keeper.feed.after(asked.sequence, count_max=asked.count_max),
    )


_OPERATIONS: dict[str, tuple[Callable[..., Any], type | None]] = {
    "status": (status, StatusFor),
    "list": (list_leases, None),
    "get": (get, OneLease),
    "extend": (extend, Extension),
    "release": (release, OneLease),
    "events": (events, EventsAfter),
    "kv_events": (kv_control.kv_events, kv_control.KvEventsAfter),
    "kv_blocks": (kv_control.kv_blocks, None),
    "claims": (kv_control.claims, kv_control.ClaimsAfter),
    "claim": (kv_control.claim, kv_control.ClaimOf),
    "judge": (kv_control.judge, kv_control.Judgement),
}


def answer(
    keeper: LeaseKeeper, operation: str, arguments: dict[str, Any]
) -> tuple[HTTPStatus, bytes]:
    """Status and JSON; 404 for a lease that is not there and for another tenant's."""
    act, form = _OPERATIONS[operation]
    try:
        if form is None:
            return HTTPStatus.OK, encoded(act(keeper))
        return HTTPStatus.OK, encoded(act(keeper, msgspec.convert(arguments, form)))
    except msgspec.ValidationError as error:
        return HTTPStatus.BAD_REQUEST, encoded({"error": str(error)})
    except UnknownLeaseError:
        return HTTPStatus.NOT_FOUND, encoded({"error": "There is no such lease."})


def encoded(told: Any) -> bytes:
    return msgspec.json.encode(told)


def _find(keeper: LeaseKeeper, asked: OneLease) -> Lease:
    keeper.sweep()
    return keeper.table.find(asked.lease_id, tenant_id=asked.tenant_id)


def _told(receipt: LeaseReceipt | None) -> LeaseReceipt:
    assert receipt is not None, "every act on a lease has a receipt"  # noqa: S101
    return receipt


def _state(keeper: LeaseKeeper, lease: Lease) -> HeldLease:
    return HeldLease(
        lease_id=lease.terms.lease_id,
        tenant_id=lease.tenant_id,
        lease_class=lease.terms.lease_class,
        tier=lease.tier,
        blocks=lease.held_blocks,
        tokens=lease.held_blocks * keeper.facts.block_tokens,
        bytes=lease.paid_blocks * keeper.facts.block_bytes,
        last_hash=lease.last_hash,
        until_ms=lease.until_ms,
        host_until_ms=lease.host_until_ms,
        disk_until_ms=lease.disk_until_ms,
        turns=lease.turns,
        verified=lease.proven_ms > keeper.clock_ms() - PROOF_MS_MAX,
    )
