"""End a lease early, by its tenant's will: the meter stops."""

from datetime import datetime
from uuid import UUID

from inference.domain.lease_row import LeaseRow, LeaseStatus
from inference.services.ask_holder import ask_holder
from inference.services.lease_rows import find_row, milliseconds, replace_row


def release_lease(*, tenant_id: int, lease_id: UUID, now: datetime) -> LeaseRow:
    """How it ended. Harmless for one that has ended, and when a turn comes between.

    Raises LeaseNotFoundError and LeasesUnavailableError.
    """
    kept = find_row(tenant_id=tenant_id, lease_id=lease_id)
    row, at_ms = kept.row, milliseconds(now)
    if not row.is_live(at_ms):
        return row
    # The engine first: its receipt is what stops the meter.
    ask_holder(row, lambda client: client.release(row.lease_id, tenant_id=tenant_id))
    ended = row.ended(LeaseStatus.RELEASED, at_ms=at_ms)
    if replace_row(kept, ended, now=now):
        return ended
    return find_row(tenant_id=tenant_id, lease_id=lease_id).row
