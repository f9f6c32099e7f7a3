"""The mails of a machine without a mail server.

Whoever reads them can take over any user, so the pages exist only where
`settings.HAS_MAILBOX` says that the portal is local, and answer only this machine.
"""

from collections.abc import Callable
from functools import wraps
from ipaddress import ip_address
from typing import Concatenate, ParamSpec

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from frontend.accounts.mails import find_mail, list_mails
from frontend.parts import wants_part

P = ParamSpec("P")


def _is_local(request: HttpRequest) -> bool:
    """A forwarded request comes from elsewhere, whatever its peer is."""
    if any(name in request.headers for name in ("X-Forwarded-For", "Forwarded")):
        return False
    try:
        return ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False


def local_only(
    view: Callable[Concatenate[HttpRequest, P], HttpResponse],
) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
    @wraps(view)
    def page(
        request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs
    ) -> HttpResponse:
        if not settings.HAS_MAILBOX or not _is_local(request):
            raise Http404
        return view(request, *args, **kwargs)

    return page


@require_safe
@never_cache
@local_only
def mailbox(request: HttpRequest) -> HttpResponse:
    mails = list_mails(settings.MAILBOX_FOLDER)
    part = (
        "frontend/accounts/mailbox_list.html"
        if wants_part(request)
        else "frontend/accounts/mailbox.html"
    )
    return render(request, part, {"mails": mails})


@require_safe
@never_cache
@local_only
def mail(request: HttpRequest, name: str) -> HttpResponse:
    found = find_mail(settings.MAILBOX_FOLDER, name)
    if found is None:
        raise Http404
    return render(request, "frontend/accounts/mail.html", {"mail": found})
