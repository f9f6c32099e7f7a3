"""Find the user of an e-mail address, or make one who has yet to set a password."""

from django.contrib.auth.hashers import make_password

from tenants.models import User


def make_user_if_needed(email: str) -> User:
    """A new user has no usable password: "forgot password" proves the address."""
    address = User.objects.normalize_email(email).lower()
    user, _ = User.objects.get_or_create(
        email=address, defaults={"password": make_password(None)}
    )
    return user
