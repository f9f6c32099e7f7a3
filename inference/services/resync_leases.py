"""Begin anew from an engine's own list, after receipts of it were lost."""

from django.db import transaction

from inference.domain.lease_control import LeaseList
from inference.domain.lease_receipt import Fact
from inference.lease_models import Lease, LeaseCursor
from inference.services.lose_leases import infer

RECEIPTS_MISSING = "receipts_missing"


@transaction.atomic
def resync_leases(asked: LeaseCursor, listed: LeaseList) -> int:
    """Ends the leases that our books hold and the engine does not, at the last time
    that was proven of them; returns how many.

    To be called once the receipts that came after `listed` are stored: a lease that is
    not in it and has no end by then ended in the gap. One whose grant came later is not
    meant. A demotion that went missing shows in the lease's next receipt. What a list
    that was cut leaves out counts as ended too: the doubt is not the tenant's.
    """
    cursor = LeaseCursor.objects.select_for_update().get(pk=asked.engine_id)
    if cursor.gap_proven_ms is None or listed.epoch != cursor.epoch:
        return 0
    ended = infer(
        _gone(cursor, listed),
        fact=Fact.LOST,
        at_ms=cursor.gap_proven_ms,
        sequence=cursor.sequence,
        reason=RECEIPTS_MISSING,
    )
    cursor.gap_proven_ms = None
    cursor.save(update_fields=["gap_proven_ms"])
    return ended


def _gone(cursor: LeaseCursor, listed: LeaseList) -> list[Lease]:
    there = {lease.lease_id for lease in listed.leases}
    held = Lease.objects.held().filter(engine_id=cursor.engine_id, epoch=cursor.epoch)
    of_then = held.filter(granted_sequence__lte=listed.last_sequence)
    return [lease for lease in of_then if lease.lease_id.hex not in there]
