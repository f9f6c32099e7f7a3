"""Leases follow their receipts."""

import re
from collections.abc import Iterable
from uuid import UUID

from inference.domain.lease_receipt import ENDS, Fact
from inference.lease_models import Lease, LeaseReceipt, LeaseState

_Key = tuple[UUID, int, str]
_OURS = re.compile("[0-9a-f]{32}", re.ASCII)
_SHOWN = ["state", "tier", "tokens", "bytes", "until_ms", "ended_ms"]


def follow_leases(receipts: Iterable[LeaseReceipt]) -> None:
    """`receipts` in their order. Safe twice: a lease that ended never changes again.

    A lease id that is not one of the platform's is left out: nobody can have bought it.
    """
    of_ours = [(_key(row), row) for row in receipts if _OURS.fullmatch(row.lease_id)]
    known = _known({key for key, _ in of_ours})
    new: dict[_Key, Lease] = {}
    for key, row in of_ours:
        if lease := known.get(key) or new.get(key):
            _apply(lease, row)
        elif row.fact == Fact.GRANTED:
            new[key] = _granted(key, row)
    Lease.objects.bulk_create(new.values())
    Lease.objects.bulk_update(known.values(), _SHOWN)


def _key(row: LeaseReceipt) -> _Key:
    return UUID(row.lease_id), row.engine_id, row.epoch


def _known(keys: set[_Key]) -> dict[_Key, Lease]:
    """Locked in one order, since measuring writes them too."""
    rows = Lease.objects.filter(lease_id__in={lease_id for lease_id, _, _ in keys})
    found = rows.order_by("pk").select_for_update()
    of_key = {(row.lease_id, row.engine_id, row.epoch): row for row in found}
    return {key: row for key, row in of_key.items() if key in keys}


def _granted(key: _Key, row: LeaseReceipt) -> Lease:
    lease_id, engine_id, epoch = key
    return Lease(
        lease_id=lease_id,
        engine_id=engine_id,
        epoch=epoch,
        tenant_id=row.tenant_id,
        state=LeaseState.HELD,
        tier=row.tier,
        tokens=row.tokens,
        bytes=row.bytes,
        granted_sequence=row.sequence,
        granted_ms=row.at_ms,
        until_ms=row.until_ms,
    )


def _apply(lease: Lease, row: LeaseReceipt) -> None:
    if lease.state != LeaseState.HELD or row.fact == Fact.REFUSED:
        return
    lease.tier, lease.tokens, lease.bytes = row.tier, row.tokens, row.bytes
    lease.until_ms = row.until_ms
    if Fact(row.fact) in ENDS:
        lease.state, lease.ended_ms = LeaseState(row.fact), row.at_ms
