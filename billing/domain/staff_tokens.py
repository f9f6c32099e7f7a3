"""Staff tokens: `tf_staff_` + 256 random bits."""

import hashlib
import secrets

PREFIX = "tf_staff_"


def make() -> str:
    return PREFIX + secrets.token_urlsafe(32)


def digest(secret: str) -> bytes:
    """SHA-256. A fast hash is enough for so many random bits."""
    return hashlib.sha256(secret.encode()).digest()
