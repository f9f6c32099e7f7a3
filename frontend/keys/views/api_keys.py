"""API keys: list, create (the secret is shown once), rename, revoke."""

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.core.cache import cache
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from frontend.access import Access, tenant_page, tenant_page_for
from frontend.calls.newest_calls import newest_calls
from frontend.engine_note import engine_note
from frontend.forms import NameForm
from frontend.keys.api_key_form import SCOPES, ApiKeyForm
from frontend.keys.api_key_list import ApiKeyFilterForm, read_page
from frontend.limits.limit_overview import KINDS, rate_limits_of
from frontend.parts import wants_part
from frontend.undo import offer_undo
from metering.services.read_last_callers import read_last_callers
from metering.wire import LastCaller
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
from tenants.services.set_budget import set_budget
from tenants.services.set_spend_limit import set_spend_limit
from tenants.wire import KeyScope, LimitKind, SpendPeriod

_FORM_TTL_SECONDS = 86_400
_FIELD_OF_ERROR: dict[type[TenantsError], str] = {
    InvalidNameError: "name",
    InvalidExpiryError: "expires_on",
    InvalidModelListError: "allowed_models",
}
_SHOWN_CALLS = 10


def describe(api_key: ApiKey, now: datetime) -> ApiKey:
    """The row with `state` for templates: active, expired, revoked, or disabled, which
    is revoked as leaked until somebody has looked.
    """
    state = "active"
    if api_key.revoked_at:
        is_disabled = api_key.leaked_at and (api_key.restorable_until or now) > now
        state = "disabled" if is_disabled else "revoked"
    elif api_key.expires_at and api_key.expires_at <= now:
        state = "expired"
    api_key.state = state  # type: ignore[attr-defined]
    return api_key


def find_api_key(access: Access, api_key_id: int) -> ApiKey:
    rows = ApiKey.objects.select_related(
        "created_by", "project", "tenant", "replaces", "replaced_by"
    )
    api_key = get_object_or_404(rows, pk=api_key_id, tenant=access.tenant)
    return describe(api_key, timezone.now())


@require_safe
@tenant_page
def api_keys(request: HttpRequest, access: Access) -> HttpResponse:
    now = timezone.now()
    form = ApiKeyFilterForm(access.tenant, request.GET)
    after = request.GET.get("after", "")
    page = read_page(access.tenant, form, after, now=now)
    callers = _last_callers(access, page.keys)
    for row in page.keys:
        describe(row, now)
        row.last_caller = (callers or {}).get(row.pk)
    context = {
        "form": form,
        "page": page,
        "are_callers_known": callers is not None,
        "is_first": not after,
        "has_any": bool(page.keys) or access.tenant.api_keys.exists(),
    }
    return render(request, "frontend/keys/api_keys.html", context)


@require_http_methods(["GET", "POST"])
@never_cache
@tenant_page_for(Permission.BUILD)
def create_api_key(request: HttpRequest, access: Access) -> HttpResponse:
    """A valid POST answers with the secret, once: it is kept nowhere, so there is no
    page to redirect to. A second POST of the same form makes no second key.
    """
    if request.method != "POST":
        return render(
            request, "frontend/keys/create_api_key.html", {"form": ApiKeyForm(access)}
        )
    form = ApiKeyForm(access, request.POST)
    if form.is_valid():
        if not _is_first_use(access, form):
            messages.info(
                request, gettext("This key was created before. It is in the list.")
            )
            return redirect("frontend:api_keys")
        if issued := _issue(access, form):
            return render(
                request, "frontend/keys/api_key_created.html", _created(issued)
            )
    return render(
        request, "frontend/keys/create_api_key.html", {"form": form}, status=422
    )


def _form_key(access: Access, form: forms.Form) -> str:
    return f"api-key-form:{access.user.pk}:{form.cleaned_data['form_id']}"


def _is_first_use(access: Access, form: forms.Form) -> bool:
    return cache.add(_form_key(access, form), 1, timeout=_FORM_TTL_SECONDS)


def _issue(access: Access, form: forms.Form) -> IssuedKey | None:
    """None: refused, and the reason is beside its field."""
    given: dict[str, Any] = form.cleaned_data
    try:
        return _issue_with_limits(access, given)
    except TenantsError as error:
        cache.delete(_form_key(access, form))
        form.add_error(_FIELD_OF_ERROR.get(type(error)), str(error))
        return None


@transaction.atomic
def _issue_with_limits(access: Access, given: dict[str, Any]) -> IssuedKey:
    """The key, and what it may spend, or neither. Raises TenantsError."""
    issued = issue_api_key(
        project=given["project"],
        name=given["name"],
        created_by=access.user,
        now=timezone.now(),
        expires_at=given["expires_on"],
        allowed_models=given["allowed_models"] or None,
        scopes=given["scopes"],
        requests_per_minute=given["requests_per_minute"],
        tokens_per_minute=given["tokens_per_minute"],
    )
    for name, set_amount in (
        ("spend_limit_nanos", set_spend_limit),
        ("budget_nanos", set_budget),
    ):
        if (amount := given.get(name)) is not None:
            set_amount(
                subject=issued.api_key, period=SpendPeriod.MONTH, amount_nanos=amount
            )
    return issued


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
    messages.success(request, gettext("The key has its new name."))
    return redirect("frontend:api_key", found.pk)


def _show(
    request: HttpRequest, access: Access, found: ApiKey, form: NameForm | None = None
) -> HttpResponse:
    scopes = None if found.scopes is None else map(KeyScope, found.scopes)
    calls = newest_calls(access.tenant, limit=_SHOWN_CALLS, api_key=found)
    callers = _last_callers(access, [found])
    context = {
        "api_key": found,
        "last_caller": (callers or {}).get(found.pk),
        "are_callers_known": callers is not None,
        "successor": getattr(found, "replaced_by", None),
        "is_restorable": found.revoked_at is not None
        and (found.restorable_until or found.revoked_at) > timezone.now(),
        "last_call": calls[0] if calls else None,
        "scopes": scopes and [SCOPES[scope] for scope in scopes],
        "form": form or NameForm(initial={"name": found.name}),
        "limits": [
            (limit, KINDS[LimitKind(limit.kind)]) for limit in rate_limits_of(found)
        ],
        "calls": calls,
    }
    status = 422 if form else 200
    return render(request, "frontend/keys/api_key.html", context, status=status)


def _last_callers(
    access: Access, api_keys: list[ApiKey]
) -> dict[int, LastCaller] | None:
    """For those who could revoke a key: addresses are personal data. None: not known
    right now.
    """
    return read_last_callers(api_keys) if access.may_build else {}


@require_http_methods(["GET", "POST"])
@tenant_page_for(Permission.BUILD)
def revoke(request: HttpRequest, access: Access, api_key_id: int) -> HttpResponse:
    found = find_api_key(access, api_key_id)
    if request.method != "POST":
        return render(request, "frontend/keys/revoke_api_key.html", {"api_key": found})
    revoke_api_key(api_key_id=found.pk, tenant=access.tenant, now=timezone.now())
    told = gettext("%(name)s is revoked. Calls with it are refused from now on.")
    named = told % {"name": found.name}
    offer_undo(request, access, named, act="api_key", id=found.pk)
    return redirect("frontend:api_keys")


@require_safe
@never_cache
@tenant_page
def first_call(request: HttpRequest, access: Access, api_key_id: int) -> HttpResponse:
    """The part of a page that waits for a key's first call. Whoever opens the address
    itself is led to the key: the part alone has no title and no menu.
    """
    found = find_api_key(access, api_key_id)
    if not wants_part(request):
        return redirect("frontend:api_key", found.pk)
    calls = newest_calls(access.tenant, limit=1, api_key=found)
    context = {"api_key": found, "call": calls[0] if calls else None}
    return render(request, "frontend/overview/first_call.html", context)
