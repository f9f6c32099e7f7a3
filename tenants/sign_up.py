"""What signing up means here: a user and a tenant, both or neither."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.db import transaction
from django.forms import Form
from django.http import HttpRequest
from django.utils import timezone

from tenants.domain.names import clean_name
from tenants.models import User
from tenants.services.open_tenant import open_tenant

_FALLBACK_NAME = "My tenant"


class SignUpAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth is untyped
    def save_user(
        self, request: HttpRequest, user: User, form: Form, commit: bool = True
    ) -> Any:
        """The signal `user_signed_up` would come after the user's own commit: a crash
        between the two would leave a user whom no page can serve.
        """
        with transaction.atomic():
            saved = super().save_user(request, user, form, commit=commit)
            if commit:
                open_tenant(name=_name_of(user), owner=user, now=timezone.now())
        return saved


def _name_of(user: User) -> str:
    """The local part of the address; its owner may rename the tenant."""
    return clean_name(user.email.partition("@")[0]) or _FALLBACK_NAME
