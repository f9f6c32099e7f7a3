"""The link that `make up` prints: it signs the operator in, once."""

from django.contrib.auth import login
from django.contrib.auth.tokens import default_token_generator
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.encoding import DjangoUnicodeDecodeError
from django.utils.http import urlsafe_base64_decode
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from tenants.models import User

_BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


@require_GET
@never_cache
@transaction.atomic
def operator_login(request: HttpRequest, uidb64: str, token: str) -> HttpResponse:
    """Signing in changes `last_login`, which the token covers: that spends the link.

    The row is locked first, so that of two uses at once the second one comes too late.
    """
    operator = _find_operator(uidb64)
    if operator is None or not default_token_generator.check_token(operator, token):
        return render(request, "frontend/limits/spent_link.html", status=403)
    login(request, operator, backend=_BACKEND)
    return redirect("frontend:operator")


def _find_operator(uidb64: str) -> User | None:
    try:
        pk = int(urlsafe_base64_decode(uidb64).decode())
    except (ValueError, DjangoUnicodeDecodeError, ValidationError):
        return None
    staff = User.objects.filter(is_staff=True, is_active=True)
    return staff.select_for_update().filter(pk=pk).first()
