"""Ed25519 signatures under invoices and receipts, by public keys alone."""

from collections.abc import Mapping

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from billing.verify.wrong import WrongError, check
from metering.domain.signed_texts import key_id


class PublishedKey(msgspec.Struct, frozen=True, kw_only=True):
    key_id: str
    public_key: str
    """32 bytes, hexadecimal."""


class PublishedKeys(msgspec.Struct, frozen=True, kw_only=True):
    """As `/.well-known/tokenfab-receipt-keys.json` has them."""

    keys: list[PublishedKey]


def read_keys(text: bytes) -> dict[str, Ed25519PublicKey]:
    """By id. Raises msgspec.DecodeError, ValueError and WrongError."""
    found = {}
    for key in msgspec.json.decode(text, type=PublishedKeys).keys:
        public = bytes.fromhex(key.public_key)
        check(
            holds=key_id(public) == key.key_id,
            otherwise=f"the key {key.key_id} has another id",
        )
        found[key.key_id] = Ed25519PublicKey.from_public_bytes(public)
    return found


def check_signature(
    keys: Mapping[str, Ed25519PublicKey],
    *,
    named: str,
    signature: str,
    text: bytes,
    what: str,
) -> None:
    """Raises WrongError."""
    check(holds=named in keys, otherwise=f"{what} is signed by an unknown key {named}")
    try:
        keys[named].verify(bytes.fromhex(signature), text)
    except (InvalidSignature, ValueError):
        raise WrongError(f"the signature of {what} is not of its content") from None
