"""The ends of a second factor: allauth's pages, which ask for a name as well."""

from typing import Any

from allauth.mfa.totp.forms import DeactivateTOTPForm
from allauth.mfa.webauthn.views import RemoveWebAuthnView
from django.utils.translation import gettext

from frontend.confirm_form import TypedNameForm, posted


class EndTotpForm(TypedNameForm, DeactivateTOTPForm):  # type: ignore[misc]  # untyped
    """An app has no name of its own, so it is that of the account."""

    def __init__(self, *args: Any, **options: Any) -> None:
        # allauth binds it to nothing while the page is only looked at.
        options["data"] = options["data"] or None
        email = options["authenticator"].user.email
        label = gettext("Type your e-mail address")
        super().__init__(email, *args, label=label, **options)


class RemovePasskey(RemoveWebAuthnView):  # type: ignore[misc]  # untyped
    def get_form(self, form_class: object = None) -> TypedNameForm:
        del form_class
        return TypedNameForm(self.object.wrap().name, *posted(self.request))
