"""The numbered lease receipts of one engine epoch, the last of them kept for readers
who come late.
"""

from collections import deque
from collections.abc import Iterable
from itertools import islice

from inference.domain.lease import UNKNOWN, Continuation, Lease
from inference.domain.lease_receipt import Fact, LeaseReceipt, Reason
from inference.domain.lease_terms import LeaseTerms, Tier

KEPT_MAX = 50_000


class LeaseFeed:
    def __init__(
        self, *, engine_id: str, epoch: str, block_tokens: int, block_bytes: int
    ) -> None:
        self._engine_id = engine_id
        self._epoch = epoch
        self.block_tokens = block_tokens
        self._block_bytes = block_bytes
        self._receipts: deque[LeaseReceipt] = deque(maxlen=KEPT_MAX)
        self.last_sequence = 0

    def after(self, sequence: int, *, count_max: int) -> list[LeaseReceipt]:
        """In order. The first one's number tells whether some are forgotten."""
        first = self.last_sequence - len(self._receipts) + 1
        start = max(0, sequence + 1 - first)
        return list(islice(self._receipts, start, start + count_max))

    def of_lease(
        self,
        fact: Fact,
        lease: Lease,
        *,
        at_ms: int,
        reason: Reason | None = None,
        continuation: Continuation = UNKNOWN,
        previous_lease_id: str | None = None,
    ) -> LeaseReceipt:
        return self._append(
            fact,
            lease.terms,
            tier=lease.told_tier,
            blocks=lease.held_blocks,
            paid_blocks=lease.paid_blocks,
            tokens=lease.held_blocks * self.block_tokens,
            last_hash=lease.last_hash,
            until_ms=lease.until_ms,
            host_until_ms=lease.host_until_ms,
            disk_until_ms=lease.disk_until_ms,
            reason=reason,
            continuation=continuation,
            previous_lease_id=previous_lease_id,
            at_ms=at_ms,
        )

    def of_shares(self, leases: Iterable[Lease], at_ms: int) -> list[LeaseReceipt]:
        """Of leases that pay for another part of what they hold than before."""
        return [
            self.of_lease(Fact.RENEWED, one, at_ms=at_ms, reason=Reason.BASE_ENDED)
            for one in leases
        ]

    def of_refusal(
        self,
        terms: LeaseTerms,
        *,
        reason: Reason,
        at_ms: int,
        continuation: Continuation = UNKNOWN,
    ) -> LeaseReceipt:
        return self._append(
            Fact.REFUSED,
            terms,
            tier=terms.tier,
            blocks=0,
            paid_blocks=0,
            tokens=0,
            last_hash="",
            until_ms=at_ms,
            host_until_ms=0,
            disk_until_ms=0,
            reason=reason,
            continuation=continuation,
            previous_lease_id=terms.previous.lease_id if terms.previous else None,
            at_ms=at_ms,
        )

    def _append(
        self,
        fact: Fact,
        terms: LeaseTerms,
        *,
        tier: Tier,
        blocks: int,
        paid_blocks: int,
        tokens: int,
        last_hash: str,
        until_ms: int,
        host_until_ms: int,
        disk_until_ms: int,
        reason: Reason | None,
        continuation: Continuation,
        previous_lease_id: str | None,
        at_ms: int,
    ) -> LeaseReceipt:
        self.last_sequence += 1
        receipt = LeaseReceipt(
            sequence=self.last_sequence,
            epoch=self._epoch,
            engine_id=self._engine_id,
            fact=fact,
            lease_id=terms.lease_id,
            tenant_id=terms.tenant_id,
            lease_class=terms.lease_class,
            tier=tier,
            blocks=blocks,
            tokens=tokens,
            bytes=paid_blocks * self._block_bytes,
            last_hash=last_hash,
            until_ms=until_ms,
            host_until_ms=host_until_ms,
            disk_until_ms=disk_until_ms,
            reason=reason,
            previous_lease_id=previous_lease_id,
            reusable_tokens=continuation.reusable_tokens,
            diverged_at_token=continuation.diverged_at_token,
            base_tokens=continuation.base_tokens,
            at_ms=at_ms,
        )
        self._receipts.append(receipt)
        return receipt
