"""A signed text: `base64url(JSON) "." base64url(HMAC-SHA256 of what is before)`.

What is signed is the text itself, so that nobody has to encode the same value alike
twice (ADR 0018). Each use has a key of its own, so that text signed for one is forged
for another.
"""

import base64
import binascii
import hashlib
import hmac

CHARACTERS_MAX = 4096


class MalformedTextError(Exception):
    """It is no such text at all."""


class ForgedTextError(Exception):
    """It was not signed with this key."""


def derive_key(secret: bytes, *, use: bytes) -> bytes:
    """A key of its own use, so that a signature never is a password."""
    return hmac.digest(secret, use, hashlib.sha256)


def sign(body: bytes, *, key: bytes) -> str:
    text = _to_text(body)
    return f"{text}.{_to_text(_mac(text, key))}"


def verified(text: object, *, key: bytes) -> bytes:
    """The body of `text`, which is whatever somebody sent.

    Raises MalformedTextError and ForgedTextError.
    """
    if not isinstance(text, str) or len(text) > CHARACTERS_MAX or not text.isascii():
        raise MalformedTextError
    body, _, mac = text.partition(".")
    if not hmac.compare_digest(_from_text(mac), _mac(body, key)):
        raise ForgedTextError
    return _from_text(body)


def _mac(body: str, key: bytes) -> bytes:
    return hmac.digest(key, body.encode(), hashlib.sha256)


def _to_text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _from_text(text: str) -> bytes:
    padded = text + "=" * (-len(text) % 4)
    try:
        return base64.b64decode(padded, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise MalformedTextError from error
