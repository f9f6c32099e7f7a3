"""The key that signs receipts, and the public keys by which anybody checks them."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings

from metering.domain.signed_texts import key_id
from metering.receipt_models import ReceiptKey


@dataclass(frozen=True)
class Signer:
    """Ed25519, from a secret text of any length."""

    secret: str

    @cached_property
    def _private_key(self) -> Ed25519PrivateKey:
        seed = hashlib.sha256(b"tokenfab receipt key\n" + self.secret.encode())
        return Ed25519PrivateKey.from_private_bytes(seed.digest())

    @cached_property
    def public_key(self) -> bytes:
        return self._private_key.public_key().public_bytes_raw()

    @property
    def key_id(self) -> str:
        return key_id(self.public_key)

    def sign(self, text: bytes) -> bytes:
        """64 bytes; the same each time."""
        return self._private_key.sign(text)


def load_signer(*, now: datetime) -> Signer:
    """The signer of today's key. A key that was never used is put down first, so that
    what it signs can still be checked when another one has taken its place.
    """
    signer = Signer(settings.RECEIPT_KEY)
    ReceiptKey.objects.get_or_create(
        key_id=signer.key_id,
        defaults={"public_key": signer.public_key.hex(), "first_used_at": now},
    )
    return signer


def read_public_keys() -> dict[str, str]:
    """By id, hexadecimal; the latest comes last."""
    return dict(
        ReceiptKey.objects.order_by("first_used_at").values_list("key_id", "public_key")
    )
