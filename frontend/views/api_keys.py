"""API keys: list, create (the secret is shown once), rename, revoke."""

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from frontend.access import Access, tenant_page, tenant_page_for
from frontend.calls import newest_calls
from frontend.engine_note import engine_note
from frontend.forms import ApiKeyForm, NameForm
from frontend.limits import KINDS, rate_limits_of
from tenants.domain.roles import Permission
from tenants.errors import (
    InvalidExpiryError,
    InvalidModelListError,
    InvalidNameError,
    TenantsError,
)
from tenants.models import ApiKey
from tenants.services.issue_api_key import IssuedKey, issue_api_key
from tenants.services.rename_api_key import rename_api_key
from tenants.services.revoke_api_key import revoke_api_key
from tenants.wire import LimitKind

_FORM_TTL_SECONDS = 86_400
_FIELD_OF_ERROR: dict[type[TenantsError], str] = {
    InvalidNameError: "name",
    InvalidExpiryError: "expires_on",
    InvalidModelListError: "allowed_models",
}
_SHOWN_CALLS = 10


def describe(api_key: ApiKey, now: datetime) -> ApiKey:
    """The row with `state` for templates: active, expired or revoked."""
    state = "active"
    if api_key.revoked_at:
        state = "revoked"
    elif api_key.expires_at and api_key.expires_at <= now:
        state = "expired"
    api_key.state = state  # type: ignore[attr-defined]
    return api_key


def find_api_key(access: Access, api_key_id: int) -> ApiKey:
    rows = ApiKey.objects.select_related("created_by", "project", "tenant")
    api_key = get_object_or_404(rows, pk=api_key_id, tenant=access.tenant)
    return describe(api_key, timezone.now())


@require_safe
@tenant_page
def api_keys(request: HttpRequest, access: Access) -> HttpResponse:
    rows = (
        ApiKey.objects.filter(tenant=access.tenant)
        .select_related("created_by")
        .order_by("-created_at", "-pk")
    )
    now = timezone.now()
    described = [describe(row, now) for row in rows]
    context = {
        "active": [row for row in described if row.state == "active"],  # type: ignore[attr-defined]
        "ended": [row for row in described if row.state != "active"],  # type: ignore[attr-defined]
    }
    return render(request, "frontend/api_keys.html", context)


@require_http_methods(["GET", "POST"])
@never_cache
@tenant_page_for(Permission.BUILD)
def create_api_key(request: HttpRequest, access: Access) -> HttpResponse:
    """A valid POST answers with the secret, once: it is kept nowhere, so there is no
    page to redirect to. A second POST of the same form makes no second key.
    """
    if request.method != "POST":
        return render(request, "frontend/create_api_key.html", {"form": ApiKeyForm()})
    form = ApiKeyForm(request.POST)
    if form.is_valid():
        if not _is_first_use(access, form):
            messages.info(request, "This key was created before. It is in the list.")
            return redirect("frontend:api_keys")
        if issued := _issue(access, form):
            return render(request, "frontend/api_key_created.html", _created(issued))
    return render(request, "frontend/create_api_key.html", {"form": form}, status=422)


def _form_key(access: Access, form: forms.Form) -> str:
    return f"api-key-form:{access.user.pk}:{form.cleaned_data['form_id']}"


def _is_first_use(access: Access, form: forms.Form) -> bool:
    return cache.add(_form_key(access, form), 1, timeout=_FORM_TTL_SECONDS)


def _issue(access: Access, form: forms.Form) -> IssuedKey | None:
    """None: refused, and the reason is beside its field."""
    given: dict[str, Any] = form.cleaned_data
    try:
        return issue_api_key(
            project=access.tenant.projects.filter(archived_at=None).earliest("pk"),
            name=given["name"],
            created_by=access.user,
            now=timezone.now(),
            expires_at=given["expires_on"],
            allowed_models=given["allowed_models"] or None,
            requests_per_minute=given["requests_per_minute"],
            tokens_per_minute=given["tokens_per_minute"],
        )
    except TenantsError as error:
        cache.delete(_form_key(access, form))
        form.add_error(_FIELD_OF_ERROR.get(type(error)), str(error))
        return None


def _created(issued: IssuedKey) -> dict[str, Any]:
    return {
        "api_key": describe(issued.api_key, timezone.now()),
        "secret": issued.secret,
        **engine_note(),
    }


@require_safe
@tenant_page
def api_key(request: HttpRequest, access: Access, api_key_id: int) -> HttpResponse:
    return _show(request, access, find_api_key(access, api_key_id))


@require_http_methods(["POST"])
@tenant_page_for(Permission.BUILD)
def rename(request: HttpRequest, access: Access, api_key_id: int) -> HttpResponse:
    found = find_api_key(access, api_key_id)
    form = NameForm(request.POST)
    if not form.is_valid():
        return _show(request, access, found, form)
    rename_api_key(
        api_key_id=found.pk, tenant=access.tenant, name=form.cleaned_data["name"]
    )
    messages.success(request, "The key has its new name.")
    return redirect("frontend:api_key", found.pk)


def _show(
    request: HttpRequest, access: Access, found: ApiKey, form: NameForm | None = None
) -> HttpResponse:
    context = {
        "api_key": found,
        "form": form or NameForm(initial={"name": found.name}),
        "limits": [
            (limit, KINDS[LimitKind(limit.kind)]) for limit in rate_limits_of(found)
        ],
        "calls": newest_calls(access.tenant, limit=_SHOWN_CALLS, api_key=found),
    }
    status = 422 if form else 200
    return render(request, "frontend/api_key.html", context, status=status)


@require_http_methods(["GET", "POST"])
@tenant_page_for(Permission.BUILD)
def revoke(request: HttpRequest, access: Access, api_key_id: int) -> HttpResponse:
    found = find_api_key(access, api_key_id)
    if request.method != "POST":
        return render(request, "frontend/revoke_api_key.html", {"api_key": found})
    revoke_api_key(api_key_id=found.pk, tenant=access.tenant, now=timezone.now())
    messages.success(
        request, f"{found.name} is revoked. Calls with it are refused from now on."
    )
    return redirect("frontend:api_keys")


@require_safe
@never_cache
@tenant_page
def first_call(request: HttpRequest, access: Access, api_key_id: int) -> HttpResponse:
    """The part of a page that waits for a key's first call; htmx asks for it."""
    found = find_api_key(access, api_key_id)
    calls = newest_calls(access.tenant, limit=1, api_key=found)
    context = {"api_key": found, "call": calls[0] if calls else None}
    return render(request, "frontend/first_call.html", context)
