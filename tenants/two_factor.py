"""What a second factor leaves in the database: nothing that a copy of it could use."""

import base64

from allauth.mfa.adapter import DefaultMFAAdapter
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings


class TwoFactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]  # allauth is untyped
    """The seeds of authenticator apps and recovery codes are kept enciphered."""

    def encrypt(self, text: str) -> str:
        return _cipher().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """Raises InvalidToken after DJANGO_SECRET_KEY was changed: those users then
        need their second factor taken away by staff.
        """
        return _cipher().decrypt(encrypted_text.encode()).decode()


def _cipher() -> Fernet:
    derive = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"two-factor seeds")
    key = derive.derive(settings.SECRET_KEY.encode())
    return Fernet(base64.urlsafe_b64encode(key))
