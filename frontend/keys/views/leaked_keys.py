"""Keys that leaked: what members do about theirs, and where anybody reports one.

A report is answered alike whether or not there was such a key: the answer must not
tell a finder which of a thousand guesses is one.
"""

from http import HTTPStatus

import msgspec
from allauth.account.adapter import get_adapter
from django import forms
from django.contrib import messages
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import (
    require_http_methods,
    require_POST,
)

from frontend.access import Access, tenant_page, tenant_page_for
from frontend.confirm_form import TypedNameForm, posted, render_form
from frontend.keys.views.api_keys import describe, find_api_key
from tenants.domain.roles import Permission
from tenants.errors import TenantsError
from tenants.models import ApiKey, LeakResponse
from tenants.services.report_leaked_key import (
    WHERE_CHARACTERS_MAX,
    confess_leaked_key,
    report_leaked_key,
)
from tenants.services.restore_api_key import restore_api_key
from tenants.services.set_leak_response import set_leak_response

REPORTS_PER_MINUTE = 30
"""Of one address, by the page and by programs together."""
FOUND_MAX = 100
BODY_BYTES_MAX = 64 * 1024
_SECRET_CHARACTERS_MAX = 200
_SHOWN_LEAKS = 50
_WINDOW_SECONDS = 60


class Find(msgspec.Struct):
    """Of a scanner; what else it says is passed over."""

    token: str
    url: str | None = None
    source: str | None = None


_decode = msgspec.json.Decoder(list[Find]).decode


class LeakResponseForm(forms.Form):
    on_leak = forms.ChoiceField(
        label=gettext_lazy("A key that leaked"),
        choices=[
            (LeakResponse.REVOKE, gettext_lazy("is revoked for good")),
            (LeakResponse.DISABLE, gettext_lazy("is disabled, and can be taken back")),
        ],
        widget=forms.RadioSelect(attrs={"class": "form-check-input"}),
    )


class ReportForm(forms.Form):
    key = forms.CharField(
        label=gettext_lazy("The key"),
        max_length=_SECRET_CHARACTERS_MAX,
        help_text=gettext_lazy("The whole of it: tf_live_… or tf_test_…"),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    where = forms.CharField(
        label=gettext_lazy("Where it was"),
        required=False,
        max_length=WHERE_CHARACTERS_MAX,
        help_text=gettext_lazy("An address helps its owners to remove it there."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


@require_http_methods(["GET", "POST"])
@tenant_page
def leaks(request: HttpRequest, access: Access) -> HttpResponse:
    """The tenant's keys that leaked, and what is done about the next."""
    form = LeakResponseForm(
        request.POST if request.method == "POST" else None,
        initial={"on_leak": access.tenant.on_leak},
    )
    if request.method == "POST":
        access.require(Permission.MANAGE)
        if form.is_valid():
            response = LeakResponse(form.cleaned_data["on_leak"])
            set_leak_response(access.tenant, response)
            messages.success(request, _("Saved."))
            return redirect("frontend:leaks")
    rows = ApiKey.objects.filter(tenant=access.tenant, leaked_at__isnull=False)
    rows = rows.select_related("created_by").order_by("-leaked_at", "-pk")
    now = timezone.now()
    context = {
        "form": form,
        "keys": [describe(row, now) for row in rows[:_SHOWN_LEAKS]],
    }
    return render_form(request, "frontend/keys/leaks.html", context)


@require_http_methods(["GET", "POST"])
@tenant_page_for(Permission.BUILD)
def confess(request: HttpRequest, access: Access, api_key_id: int) -> HttpResponse:
    """'I leaked it': for good, so it asks for the name."""
    found = find_api_key(access, api_key_id)
    form = TypedNameForm(found.name, *posted(request))
    if not form.is_valid():
        context = {"form": form, "api_key": found}
        return render_form(request, "frontend/keys/key_leaked.html", context)
    confess_leaked_key(api_key=found, email=access.user.email, now=timezone.now())
    messages.success(
        request,
        _("%s is revoked for good. Look at its last calls for any that are not yours.")
        % found.name,
    )
    return redirect("frontend:api_key", found.pk)


@require_POST
@tenant_page_for(Permission.BUILD)
def restore(request: HttpRequest, access: Access, api_key_id: int) -> HttpResponse:
    found = find_api_key(access, api_key_id)
    try:
        restore_api_key(api_key_id=found.pk, tenant=access.tenant, now=timezone.now())
    except TenantsError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, _("%s works again.") % found.name)
    return redirect("frontend:api_key", found.pk)


@require_http_methods(["GET", "POST"])
def leaked_keys(request: HttpRequest) -> HttpResponse:
    """Where anybody reports a key that they found."""
    form = ReportForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        if _asks_too_often(request):
            form.add_error(None, _("That were many. Try again in a minute."))
        else:
            secret = form.cleaned_data["key"].strip()
            _report(secret, form.cleaned_data["where"])
            return render(request, "frontend/keys/leaked_key_thanks.html")
    return render_form(request, "frontend/keys/leaked_keys.html", {"form": form})


# Nobody is signed in by it, and the secret itself is the proof.
@csrf_exempt
@require_POST
def report_leaked_keys(request: HttpRequest) -> HttpResponse:
    """For programs that scan: [{"token": …, "url": …, "source": …}, …], the form in
    which forges tell their partners of finds; answered with how many were read.
    """
    if _asks_too_often(request):
        answer = _refused("Too many reports. Retry in a minute.", 429)
        answer["Retry-After"] = str(_WINDOW_SECONDS)
        return answer
    raw = request.read(BODY_BYTES_MAX + 1)
    if len(raw) > BODY_BYTES_MAX:
        return _refused(f"The body is larger than {BODY_BYTES_MAX} bytes.", 413)
    try:
        finds = _decode(raw)
    except msgspec.DecodeError:
        finds = []
    if not 1 <= len(finds) <= FOUND_MAX:
        message = f"Send a list of 1 to {FOUND_MAX} objects with a text as `token`."
        return _refused(message, 400)
    for one in finds:
        _report(one.token, f"{one.url or ''} {one.source or ''}")
    return JsonResponse({"received": len(finds)}, status=HTTPStatus.ACCEPTED)


def _report(secret: str, where: str) -> None:
    report_leaked_key(secret, where=where, now=timezone.now())


def _refused(message: str, status: int) -> JsonResponse:
    error = {"message": message, "type": "invalid_request_error", "param": None}
    return JsonResponse({"error": error}, status=status)


def _asks_too_often(request: HttpRequest) -> bool:
    """Counted by the clock's minutes."""
    minute = int(timezone.now().timestamp()) // _WINDOW_SECONDS
    key = f"leak-reports:{get_adapter().get_client_ip(request)}:{minute}"
    cache.add(key, 0, timeout=2 * _WINDOW_SECONDS)
    try:
        return int(cache.incr(key)) > REPORTS_PER_MINUTE
    except ValueError:  # it expired in between
        return False
