"""Where the link of an invitation leads: see what it is for, and join."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from tenants.errors import InvitationNotFoundError
from tenants.models import User
from tenants.services.accept_invitation import accept_invitation
from tenants.services.find_invitation import find_invitation
from tenants.services.list_members_of_user import TENANT_KEY
from tenants.sign_up import INVITATION_KEY

_OVER = 410


@require_http_methods(["GET", "POST"])
@never_cache
def invitation(request: HttpRequest, secret: str) -> HttpResponse:
    """A GET joins nothing: programs that check mails open links. Whoever has no user
    yet signs up first, and the link goes with them.
    """
    found = find_invitation(secret, now=timezone.now())
    user = request.user
    if found is None:
        return render(request, "frontend/members/invitation_over.html", status=_OVER)
    if request.method == "POST" and isinstance(user, User):
        return _join(request, user, secret)
    if not user.is_authenticated:
        request.session[INVITATION_KEY] = secret
    context = {
        "invitation": found,
        "is_mine": isinstance(user, User) and user.email == found.email,
        "has_user": User.objects.filter(email=found.email).exists(),
    }
    return render(request, "frontend/members/invitation.html", context)


def _join(request: HttpRequest, user: User, secret: str) -> HttpResponse:
    try:
        member = accept_invitation(secret=secret, user=user, now=timezone.now())
    except InvitationNotFoundError:
        return render(request, "frontend/members/invitation_over.html", status=_OVER)
    request.session[TENANT_KEY] = member.tenant_id
    messages.success(
        request, gettext("Welcome to %(name)s.") % {"name": member.tenant.name}
    )
    return redirect("frontend:overview")
