"""What came of a leased turn: what of it is paid for by leases, and what the caller is
told of it.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from inference.domain.lease_control import EngineLeases
from inference.domain.lease_receipt import Fact, LeaseReceipt, Reason
from inference.domain.lease_row import LeaseRow, LeaseStatus
from inference.wire import CachedPromptEntry
from metering.domain.leased import InputSplit, split_input
from metering.proxy.transform.lease_fields import AskedLease, public_id
from metering.proxy.usage import Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnResult:
    asked: AskedLease
    received_at_ms: int
    facts: EngineLeases | None
    """Of the engine that served the turn; None: it tells nothing of leases."""
    was_asked: bool
    """Terms went out to it."""
    receipt: LeaseReceipt | None
    granted: LeaseRow | None
    previous: LeaseRow | None
    prompt: CachedPromptEntry | None
    """The cached prompt that the turn begins with, in time."""
    base_tokens: int
    """Of it, as the terms named them; 0: they named none."""
    withheld: str
    """Why no lease was asked for although one was wanted."""
    tokens_max: int | None
    """That the lease was to hold; None: all of the turn."""

    def leased_tokens(self, input_tokens: int) -> int:
        """At the prompt's beginning, and paid for: the longer one covers the other."""
        if self.asked.order is not None:
            return input_tokens if self.asked.order.is_at_our_cost else 0
        leased = max(self._of_previous, self._of_prompt)
        return min(leased, input_tokens)

    @property
    def _of_previous(self) -> int:
        previous = self.previous
        if previous is None or not previous.is_promised(self.received_at_ms):
            return 0
        if self.receipt is None:
            return previous.tokens  # that nobody could compare them is our fault
        return min(previous.tokens, self.receipt.reusable_tokens or 0)

    @property
    def _of_prompt(self) -> int:
        """Proven whole it is all of it: also the seam, which fills no block."""
        if self.prompt is None:
            return 0
        if self.receipt is None or not self.base_tokens:
            return self.prompt.token_count  # it was not put to the proof by our fault
        proven = self.receipt.base_tokens or 0
        return self.prompt.token_count if proven >= self.base_tokens else proven

    # What the caller is told.

    def headers(self) -> bytes:
        granted = self.granted
        if granted is None:
            return b""
        return (
            b"x-kv-lease-id: %b\r\nx-kv-lease-expires-at: %b\r\n"
            b"x-kv-lease-tokens: %d\r\nx-kv-lease-tier: %b\r\n"
        ) % (
            public_id(granted.lease_id).encode(),
            iso(granted.expires_at_ms).encode(),
            granted.tokens,
            granted.tier.encode(),
        )

    def lease_document(self, usage: Usage) -> dict[str, Any]:
        """The answer's `kv_lease`."""
        granted = self.granted
        document = {
            "id": public_id(granted.lease_id) if granted else None,
            "status": self._status(usage),
            "tokens": granted.tokens if granted else 0,
            "bytes": granted.bytes if granted else 0,
            "tier": granted.tier if granted else None,
            "expires_at": iso(granted.expires_at_ms) if granted else None,
            "verified": granted is not None,
            "reason": self.reason,
            "previous": self._previous_document(usage),
        }
        if self.asked.order is not None:
            document["warm"] = self._warm_document()
        return document

    def _warm_document(self) -> dict[str, Any] | None:
        """What the control plane has to know to have calls begin with the lease."""
        granted, facts = self.granted, self.facts
        if granted is None or facts is None:
            return None
        return {
            "engine_id": granted.engine_id,
            "epoch": granted.epoch,
            "last_hash": granted.last_hash,
            "block_tokens": facts.block_tokens,
            "block_bytes": facts.block_bytes,
        }

    def prompt_document(self, usage: Usage) -> dict[str, Any] | None:
        """The answer's `cached_prompt`; None: the call began with none in time."""
        prompt = self.prompt
        if prompt is None:
            return None
        leased = min(self._of_prompt, usage.input_tokens)
        return {
            "id": f"cp_{prompt.cached_prompt_id}",
            "name": prompt.name,
            "leased_tokens": leased,
            "absorbed_tokens": max(0, leased - usage.cached_input_tokens),
        }

    def _status(self, usage: Usage) -> str:
        if not self.asked.ttl_ms:
            return "refused" if self.withheld else "none"
        if self.granted is None or self.facts is None:
            receipt = self.receipt
            is_refused = receipt is not None and receipt.fact is Fact.REFUSED
            return "refused" if is_refused else "unverified"
        block_tokens = self.facts.block_tokens
        # The last sampled token has no KV yet, and only full blocks are kept.
        tokens = usage.input_tokens + usage.output_tokens - 1
        if self.tokens_max is not None:
            tokens = min(tokens, self.tokens_max)
        whole = tokens // block_tokens
        is_whole = self.granted.tokens >= whole * block_tokens
        return "granted" if is_whole else "partial"

    @property
    def reason(self) -> str | None:
        """Why there is no lease, or less of one."""
        receipt = self.receipt
        if self.withheld:
            return self.withheld
        if receipt is None:
            return "receipt_missing" if self.was_asked else "engine_silent"
        if receipt.fact is Fact.GRANTED and self.granted is None:
            return "not_kept"
        return None if receipt.reason is Reason.NOT_ASKED else receipt.reason

    def _previous_document(self, usage: Usage) -> dict[str, Any] | None:
        previous, receipt = self.previous, self.receipt
        if previous is None:
            return None
        end_ms = previous.ended_at_ms or min(
            self.received_at_ms, previous.expires_at_ms
        )
        split = self._split(usage)
        return {
            "id": public_id(previous.lease_id),
            "outcome": self._outcome(previous, split.leased),
            "held_seconds": max(0, end_ms - previous.granted_at_ms) / 1000,
            "leased_tokens": split.leased,
            "absorbed_tokens": split.absorbed,
            "diverged_at_token": receipt.diverged_at_token if receipt else None,
        }

    def _split(self, usage: Usage) -> InputSplit:
        return split_input(
            input_tokens=usage.input_tokens,
            cached_input_tokens=usage.cached_input_tokens,
            leased_input_tokens=min(self._of_previous, usage.input_tokens),
        )

    def _outcome(self, previous: LeaseRow, leased: int) -> str:
        if previous.status is not LeaseStatus.LIVE:
            return previous.status
        if not previous.is_live(self.received_at_ms):
            return "expired"
        return "reused" if leased >= previous.tokens else "diverged"


def iso(at_ms: int) -> str:
    """RFC 3339, UTC, to the millisecond."""
    at = datetime.fromtimestamp(at_ms / 1000, UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at_ms % 1000:03d}Z"
