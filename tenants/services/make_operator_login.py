"""Make a link that signs the operator in once."""

from django.contrib.auth.hashers import make_password
from django.contrib.auth.tokens import default_token_generator
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from tenants.errors import OperatorDisabledError
from tenants.models import User

OPERATOR_EMAIL = "operator@localhost"


def make_operator_login() -> str:
    """Path `/operator/login/<uidb64>/<token>/`; makes the operator's user if needed.

    The token covers the last login, so the first use spends every link made so far;
    unused ones end with PASSWORD_RESET_TIMEOUT. Raises OperatorDisabledError.
    """
    operator, _ = User.objects.get_or_create(
        email=OPERATOR_EMAIL,
        defaults={
            "password": make_password(None),
            "is_staff": True,
            "is_superuser": True,
        },
    )
    if not (operator.is_active and operator.is_staff):
        raise OperatorDisabledError(f"{OPERATOR_EMAIL} was disabled.")
    uid = urlsafe_base64_encode(force_bytes(operator.pk))
    token = default_token_generator.make_token(operator)
    return f"/operator/login/{uid}/{token}/"
