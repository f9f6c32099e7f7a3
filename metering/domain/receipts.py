"""Receipts: what one usage event says and costs, so that outsiders can check it.

A receipt is JSON with sorted keys and no spaces. Its hash is the leaf hash of RFC 6962,
and each receipt names the hash of the one before it of the same tenant: so one hash
stands for all receipts until then, and a Merkle root for any choice of them.
"""

import hashlib
from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec

from metering.domain.usage import Meter

FIRST_PREVIOUS = "0" * 64
"""What the first receipt of a tenant names as the one before it."""
_NEVER_CHARGED = frozenset({Meter.REQUESTS, Meter.LEASED_INPUT_TOKENS})
UtcText = Annotated[
    str, msgspec.Meta(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$")
]
"""A time in UTC, always to the microsecond: `2026-11-21T12:00:00.123456Z`."""
_LEAF = b"\x00"
_FEMTOS_PER_UNIT = 10**15
"""Of a quantity times a rate: nanos per million."""


class ReceiptCharge(msgspec.Struct, frozen=True, kw_only=True):
    """What a receipt adds to one line of an invoice."""

    quantity: int
    rate_nanos_per_million: int | None
    """As sold; None: the price of this meter is no plain rate."""
    amount: str | None
    """Quantity times rate, exactly: nothing is rounded before the month's sum."""


class Receipt(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True
):  # the fields that both kinds have
    format: Literal[1] = 1
    sequence: int
    """From 1 without gaps among the tenant's receipts, in the order of sealing."""
    previous: str
    """The hash of the receipt before, 64 hexadecimal digits."""
    tenant_id: int
    project_id: int
    api_key_id: int
    cache_salt_id: str
    """Names the secret that kept the tenant's KV apart, without telling it."""
    event_id: str
    """32 hexadecimal digits: the request id without its prefix; of a lease interval,
    that of the call which bought the lease."""
    model: str
    engine_id: int
    price_version_id: int
    happened_at: UtcText
    """When the call, or the interval, ended: decides the month."""
    currency: str
    """Of the amounts: the price version's; empty: there is no such version."""
    charges: dict[str, ReceiptCharge]
    """By meter; a call that is not billed has none."""


class CallReceipt(Receipt, frozen=True, kw_only=True, tag_field="kind", tag="call"):
    """Of one usage event."""

    endpoint: str
    streamed: bool
    outcome: str
    usage_source: str
    is_warming: bool
    samples: int
    tries: int
    received_at: UtcText
    sent_at: UtcText | None
    first_token_at: UtcText | None
    input_tokens: int
    """This and the next four are what the engine counted."""
    cached_input_tokens: int
    cache_write_tokens: int
    output_tokens: int
    reasoning_tokens: int
    images: int
    leased_input_tokens: int
    """What a lease paid for, at the prompt's beginning."""
    absorbed_input_tokens: int
    """The part of the leased tokens that the engine computed again, at our cost."""
    cost_nanos: int
    """What limits and credit were charged when the call ended."""
    lease_id: str | None
    lease_expires_at: UtcText | None
    lease_cost_nanos: int
    previous_lease_id: str | None
    cached_prompt_id: str | None


class IntervalReceipt(
    Receipt, frozen=True, kw_only=True, tag_field="kind", tag="lease_interval"
):
    """Of a time through which a lease lay in one tier."""

    lease_id: str
    epoch: str
    """One life of the engine."""
    tier: str
    bytes: int
    started_at: UtcText
    first_sequence: int
    """Of the engine's own receipts that prove it."""
    last_sequence: int
    mb_s: int
    credit_reason: str
    """Why nothing is charged; empty: it is."""


AnyReceipt = CallReceipt | IntervalReceipt

_ENCODER = msgspec.json.Encoder(order="sorted")
_DECODER: msgspec.json.Decoder[AnyReceipt] = msgspec.json.Decoder(AnyReceipt)


def canonical(value: object) -> bytes:
    """The one spelling that is hashed: sorted keys and no spaces."""
    return _ENCODER.encode(value)


def read_receipt(text: bytes | str) -> AnyReceipt:
    """Raises msgspec.DecodeError for anything but a receipt, in whatever spelling."""
    return _DECODER.decode(text)


def receipt_hash(text: bytes) -> bytes:
    """Of a receipt's canonical text: the leaf hash of RFC 6962."""
    return hashlib.sha256(_LEAF + text).digest()


def charges_of(
    quantities: Mapping[Meter, int], rates: Mapping[str, int]
) -> dict[str, ReceiptCharge]:
    """`rates` in nanos per million, by meter; meters without one are priced in a
    way that depends on the month's sum.
    """
    return {
        meter.value: charge_of(quantity, rates.get(meter.value))
        for meter, quantity in quantities.items()
        if quantity and meter not in _NEVER_CHARGED
    }


def charge_of(quantity: int, rate: int | None) -> ReceiptCharge:
    return ReceiptCharge(
        quantity=quantity,
        rate_nanos_per_million=rate,
        amount=None if rate is None else _femtos(quantity * rate),
    )


def _femtos(amount: int) -> str:
    whole, rest = divmod(amount, _FEMTOS_PER_UNIT)
    return f"{whole}.{rest:015d}".rstrip("0").rstrip(".")


class Chain:
    """Follows receipts in the order of their sequence."""

    def __init__(self) -> None:
        self._sequence = 0
        self._hash = FIRST_PREVIOUS

    def objection(self, receipt: AnyReceipt) -> str | None:
        """Why `receipt` cannot come after the one given before, or None. Where the
        sequence jumps, the link cannot be seen.
        """
        if receipt.sequence <= self._sequence:
            return f"receipt {receipt.sequence} comes after {self._sequence}"
        follows = receipt.sequence == self._sequence + 1
        if follows and receipt.previous != self._hash:
            return f"receipt {receipt.sequence} names another one before it"
        self._sequence = receipt.sequence
        self._hash = receipt_hash(canonical(receipt)).hex()
        return None
