"""The bytes under which we put our signature, apart by what they are about.

A signature of one kind can never be taken for another: each text begins with its name.
"""

import hashlib

from metering.domain.receipts import canonical


def key_id(public_key: bytes) -> str:
    """16 hexadecimal digits that name a public key."""
    return hashlib.sha256(public_key).hexdigest()[:16]


def receipt_text(receipt_hash: bytes) -> bytes:
    return b"tokenfab receipt\n" + receipt_hash


def seal_text(*, tenant_id: int, last_sequence: int, head: bytes) -> bytes:
    said = {"head": head.hex(), "last_sequence": last_sequence, "tenant_id": tenant_id}
    return b"tokenfab seal\n" + canonical(said)


def invoice_text(digest: bytes) -> bytes:
    """`digest` of the invoice's document without its signature."""
    return b"tokenfab invoice\n" + digest
