"""Rotate an API key: a new one in its place, the old one for a while beside it."""

from django.contrib import messages
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from frontend.access import Access, tenant_page_for
from frontend.confirm_form import TypedNameForm, posted, render_form
from frontend.keys.rotation_form import RotationForm
from frontend.keys.views.api_keys import describe, find_api_key
from tenants.domain.roles import Permission
from tenants.errors import TenantsError
from tenants.models import ApiKey
from tenants.services.end_rotation import end_overlap, take_rotation_back
from tenants.services.issue_api_key import IssuedKey
from tenants.services.rotate_api_key import rotate_api_key

_FORM_TTL_SECONDS = 86_400


@require_http_methods(["GET", "POST"])
@never_cache
@tenant_page_for(Permission.BUILD)
def rotate(request: HttpRequest, access: Access, api_key_id: int) -> HttpResponse:
    """A valid POST answers with the new secret, once; sent again it makes no other."""
    found = find_api_key(access, api_key_id)
    form = RotationForm(*posted(request))
    if form.is_valid():
        mark = f"rotation-form:{access.user.pk}:{form.cleaned_data['form_id']}"
        if not cache.add(mark, 1, timeout=_FORM_TTL_SECONDS):
            messages.info(request, _("This key was rotated before."))
            return redirect("frontend:api_key", found.pk)
        try:
            issued = _rotated(access, found, form)
        except TenantsError as error:
            cache.delete(mark)
            form.add_error(None, str(error))
        else:
            return _show_secret(request, found, issued)
    context = {"form": form, "api_key": found}
    return render_form(request, "frontend/keys/rotate_api_key.html", context)


def _rotated(access: Access, found: ApiKey, form: RotationForm) -> IssuedKey:
    return rotate_api_key(
        api_key_id=found.pk,
        tenant=access.tenant,
        created_by=access.user,
        overlap=form.cleaned_data["overlap"],
        now=timezone.now(),
    )


def _show_secret(request: HttpRequest, old: ApiKey, issued: IssuedKey) -> HttpResponse:
    now = timezone.now()
    old.refresh_from_db()
    context = {
        "old": describe(old, now),
        "api_key": describe(issued.api_key, now),
        "secret": issued.secret,
    }
    return render(request, "frontend/keys/api_key_rotated.html", context)


@require_http_methods(["GET", "POST"])
@tenant_page_for(Permission.BUILD)
def end_early(request: HttpRequest, access: Access, api_key_id: int) -> HttpResponse:
    """For good, so it asks for the name."""
    found = find_api_key(access, api_key_id)
    form = TypedNameForm(found.name, *posted(request))
    if not form.is_valid():
        context = {"form": form, "api_key": found}
        return render_form(request, "frontend/keys/end_overlap.html", context)
    try:
        end_overlap(api_key_id=found.pk, tenant=access.tenant, now=timezone.now())
    except TenantsError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, _("The old key has stopped working."))
    return redirect("frontend:api_key", found.pk)


@require_POST
@tenant_page_for(Permission.BUILD)
def take_back(request: HttpRequest, access: Access, api_key_id: int) -> HttpResponse:
    found = find_api_key(access, api_key_id)
    try:
        take_rotation_back(
            api_key_id=found.pk, tenant=access.tenant, now=timezone.now()
        )
    except TenantsError as error:
        messages.error(request, str(error))
    else:
        messages.success(
            request, _("The old key works as before, and the new one is revoked.")
        )
    return redirect("frontend:api_key", found.pk)
