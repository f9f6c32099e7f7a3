"""What signing up means here: a user and a tenant, both or neither."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.models import EmailAddress
from allauth.core import context as allauth_context
from django.contrib.sites.shortcuts import get_current_site
from django.db import transaction
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import get_language

from tenants.domain.invitations import digest
from tenants.domain.mail_kinds import kind_of_account_mail
from tenants.domain.names import clean_name
from tenants.errors import InvitationNotFoundError
from tenants.invitation_models import Invitation
from tenants.known_browsers import is_known, remember
from tenants.models import User
from tenants.services.accept_invitation import accept_invitation
from tenants.services.find_invitation import find_invitation
from tenants.services.note_changed_address import note_changed_address
from tenants.services.open_tenant import open_tenant
from tenants.services.read_switches import read_switches
from tenants.services.send_mail import hand_over
from tenants.services.send_sign_in_mail import send_sign_in_mail
from tenants.switches_models import SignUps

INVITATION_KEY = "invitation"
"""Where the session of somebody who signs up keeps the secret of their invitation."""
_FALLBACK_NAME = "My tenant"


class SignUpAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth is untyped
    def save_user(
        self, request: HttpRequest, user: User, form: Form, commit: bool = True
    ) -> Any:
        """The signal `user_signed_up` would come after the user's own commit: a crash
        between the two would leave a user whom no page can serve.
        """
        user.language = get_language() or ""
        with transaction.atomic():
            saved = super().save_user(request, user, form, commit=commit)
            if commit and not _has_joined(request, user):
                open_tenant(
                    name=_name_of(user),
                    owner=user,
                    now=timezone.now(),
                    currency=form.cleaned_data.get("currency") or None,
                )
        return saved

    def send_mail(
        self, template_prefix: str, email: str, context: dict[str, Any]
    ) -> None:
        """As allauth does, through our door."""
        request = allauth_context.request
        site = get_current_site(request)
        given = {"request": request, "email": email, "current_site": site, **context}
        message = self.render_mail(template_prefix, email, given)
        hand_over(message, kind=kind_of_account_mail(template_prefix))

    def post_login(
        self, request: HttpRequest, user: User, *, signup: bool, **more: Any
    ) -> HttpResponse:
        """All factors were right. From a browser that is new to a user, the user is
        told; from the one they signed up in, that would be no news.
        """
        response: HttpResponse = super().post_login(
            request, user, signup=signup, **more
        )
        if not signup and not is_known(request, user):
            send_sign_in_mail(
                user,
                user_agent=request.headers.get("user-agent", ""),
                address=self.get_client_ip(request),
                now=timezone.now(),
            )
        remember(request, response, user)
        return response

    def confirm_email(self, request: HttpRequest, email_address: EmailAddress) -> bool:
        """As allauth does; a new one is in the audit logs too, or is not taken."""
        before = email_address.user.email
        with transaction.atomic():
            is_taken: bool = super().confirm_email(request, email_address)
            if is_taken and email_address.email != before:
                note_changed_address(user=email_address.user, before=before)
        return is_taken

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """As the operator has switched it."""
        sign_ups = read_switches().sign_ups
        if sign_ups == SignUps.INVITED:
            return _is_invited(request)
        return sign_ups == SignUps.OPEN

    def is_email_verified(self, request: HttpRequest, email: str) -> bool:
        """The secret was in a mail to that address alone, so whoever has it reads its
        mails: no code is needed besides.
        """
        secret = request.session.get(INVITATION_KEY)
        if secret is None:
            return bool(super().is_email_verified(request, email))
        proven = Invitation.objects.filter(digest=digest(secret), revoked_at=None)
        return proven.filter(
            email=email.lower(), expires_at__gt=timezone.now()
        ).exists()


def _is_invited(request: HttpRequest) -> bool:
    secret = request.session.get(INVITATION_KEY)
    return secret is not None and (
        find_invitation(secret, now=timezone.now()) is not None
    )


def _has_joined(request: HttpRequest, user: User) -> bool:
    secret = request.session.get(INVITATION_KEY)
    if secret is None:
        return False
    try:
        accept_invitation(secret=secret, user=user, now=timezone.now())
    except InvitationNotFoundError:
        return False
    return True


def _name_of(user: User) -> str:
    """The local part of the address; its owner may rename the tenant."""
    return clean_name(user.email.partition("@")[0]) or _FALLBACK_NAME
