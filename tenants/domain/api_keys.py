"""API keys: `tf_<live|test>_` + 30 random base62 characters + 6 of CRC-32.

The check lets a typo be told apart from an unknown key without a look-up, and lets
secret scanners be sure of a find (the form GitHub uses for its tokens).
"""

import hashlib
import secrets
import zlib
from typing import Literal

Mode = Literal["live", "test"]

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_RANDOM_CHARACTERS = 30
_CHECK_CHARACTERS = 6
_PREFIXES = ("tf_live_", "tf_test_")
SECRET_CHARACTERS = len(_PREFIXES[0]) + _RANDOM_CHARACTERS + _CHECK_CHARACTERS
SHOWN_CHARACTERS = 12
"""How much of a secret a page may show: the prefix and four random characters."""


def _check(body: str) -> str:
    number, characters = zlib.crc32(body.encode()), []
    for _ in range(_CHECK_CHARACTERS):
        number, digit = divmod(number, len(_ALPHABET))
        characters.append(_ALPHABET[digit])
    return "".join(reversed(characters))


def make(mode: Mode) -> str:
    body = f"tf_{mode}_" + "".join(
        secrets.choice(_ALPHABET) for _ in range(_RANDOM_CHARACTERS)
    )
    return body + _check(body)


def is_well_formed(secret: str) -> bool:
    """False for anything that cannot be a key of ours: a typo, or another's key."""
    return (
        len(secret) == SECRET_CHARACTERS
        and secret.startswith(_PREFIXES)
        and secret.isascii()
        and _check(secret[:-_CHECK_CHARACTERS]) == secret[-_CHECK_CHARACTERS:]
    )


def digest(secret: str) -> bytes:
    """SHA-256. A fast hash is enough: 30 base62 characters are 178 random bits."""
    return hashlib.sha256(secret.encode()).digest()


def shown_prefix(secret: str) -> str:
    return secret[:SHOWN_CHARACTERS]
