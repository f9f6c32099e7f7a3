"""Leases in the books, as a proxy and an engine would tell of them."""

from inference.domain.lease_receipt import Fact
from inference.domain.lease_terms import GRACE_MS
from tests.inference.lease_books import BYTES, NOW_MS, receipt
from tests.metering.journal import NOON_US, make_event

SECONDS = 15
MB_S = BYTES * SECONDS // 10**6
"""Of a lease that is held to its end."""


def leased_event(lease_id, *, engine, seconds=SECONDS, **changes):
    """The call that bought a lease at noon."""
    return make_event(
        engine_id=engine.pk,
        lease_id=lease_id,
        lease_expires_at_us=NOON_US + seconds * 1_000_000,
        **changes,
    )


def story(
    lease_id,
    *,
    first=1,
    held_ms=10_000,
    fact=Fact.REUSED,
    seconds=SECONDS,
    tenant_id=1,
):
    """Receipts of a lease that was granted at noon and held for so long."""
    whose = {"lease_id": lease_id, "tenant_id": str(tenant_id)}
    until_ms = NOW_MS + seconds * 1000 + GRACE_MS
    return [
        receipt(first, until_ms=until_ms, **whose),
        receipt(first + 1, fact, at_ms=NOW_MS + held_ms, **whose),
    ]
