"""Tell tenants' systems what engines say of their leases."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from django.db import transaction
from django.db.models import Max, Q

from billing.domain.event_types import EventType
from billing.models.event_cursors import LeaseEventCursor
from billing.models.webhooks import WebhookEndpoint
from billing.services.webhooks.emit_event import emit_event
from inference.domain.lease_receipt import Fact
from inference.lease_models import LeaseReceipt
from inference.models import Engine

RECEIPTS_AT_ONCE = 1_000
_TYPES = {
    Fact.GRANTED.value: EventType.KV_LEASE_GRANTED,
    Fact.RELEASED.value: EventType.KV_LEASE_RELEASED,
    Fact.EXPIRED.value: EventType.KV_LEASE_EXPIRED,
    Fact.REVOKED.value: EventType.KV_LEASE_REVOKED,
    Fact.LOST.value: EventType.KV_LEASE_LOST,
}


def tell_lease_events(*, now: datetime) -> int:
    """How many receipts were passed by. A tenant is told from when its endpoint asks
    for such events on, and nothing of before.
    """
    engine_ids = Engine.objects.order_by("pk").values_list("pk", flat=True)
    return sum(_tell(engine_id, now) for engine_id in engine_ids)


@transaction.atomic
def _tell(engine_id: int, now: datetime) -> int:
    cursor = _locked(engine_id)
    if cursor is None:
        return 0
    asked = _asking_tenants()
    new = LeaseReceipt.objects.filter(engine_id=engine_id, pk__gt=cursor.receipt_id)
    if not asked:
        _move(cursor, new.aggregate(last=Max("pk"))["last"])
        return 0
    receipts = list(new.order_by("pk")[:RECEIPTS_AT_ONCE])
    _emit((one for one in receipts if one.tenant_id in asked), now)
    _move(cursor, receipts[-1].pk if receipts else None)
    return len(receipts)


def _locked(engine_id: int) -> LeaseEventCursor | None:
    """None: somebody else is at it, or it is an engine's first time."""
    rows = LeaseEventCursor.objects.select_for_update(skip_locked=True)
    if cursor := rows.filter(pk=engine_id).first():
        return cursor
    last = LeaseReceipt.objects.filter(engine_id=engine_id).aggregate(last=Max("pk"))
    LeaseEventCursor.objects.get_or_create(
        engine_id=engine_id, defaults={"receipt_id": last["last"] or 0}
    )
    return None


def _asking_tenants() -> set[str]:
    """Ids as engines are told them."""
    wants = Q(types__isnull=True) | Q(types__overlap=[str(v) for v in _TYPES.values()])
    rows = WebhookEndpoint.objects.in_use().filter(wants, is_enabled=True)
    return {str(one) for one in rows.values_list("tenant_id", flat=True)}


def _emit(receipts: Iterable[LeaseReceipt], now: datetime) -> None:
    for receipt in receipts:
        if kind := _TYPES.get(receipt.fact):
            emit_event(
                tenant_id=int(receipt.tenant_id),
                type=kind,
                data=_describe(receipt),
                now=now,
            )


def _describe(receipt: LeaseReceipt) -> dict[str, Any]:
    return {
        "id": f"kvl_{receipt.lease_id}",
        "tier": receipt.tier,
        "tokens": receipt.tokens,
        "bytes": receipt.bytes,
        "happened_at": datetime.fromtimestamp(receipt.at_ms / 1000, UTC),
        "reason": receipt.reason or None,
    }


def _move(cursor: LeaseEventCursor, receipt_id: int | None) -> None:
    if receipt_id is not None:
        cursor.receipt_id = receipt_id
        cursor.save(update_fields=["receipt_id"])
