"""KV leases: those that are held, what the latest ones came to; extend and release."""

from datetime import datetime
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from frontend.access import Access, tenant_page, tenant_page_for
from frontend.cursors import read_place
from frontend.leases.lease_extensions import ExtensionForm, extensions
from frontend.leases.lease_list import BoughtLease, find_lease, read_leases, totals
from frontend.live import live_page
from frontend.parts import wants_part
from inference.domain.lease_row import LeaseStatus
from inference.errors import InferenceError
from inference.services.extend_lease import extend_lease
from inference.services.release_lease import release_lease
from tenants.domain.roles import Permission
from tenants.models import ApiKey
from tenants.services.is_money_limited import is_money_limited

LEASES_SHOWN = 50


@require_safe
@never_cache
@live_page(every_seconds=2)
@tenant_page
def leases(request: HttpRequest, access: Access) -> HttpResponse:
    now = timezone.now()
    is_held = request.GET.get("state") == "held"
    page = read_leases(
        access.tenant,
        limit=LEASES_SHOWN,
        now=now,
        after=read_place(request.GET.get("after", "")),
        is_held=is_held,
    )
    part = (
        "frontend/leases/leases_table.html"
        if wants_part(request)
        else "frontend/leases/leases.html"
    )
    context = {
        "leases": page.leases,
        "totals": totals(page.leases),
        "is_held": is_held,
        "is_first": not request.GET.get("after"),
        "next_after": page.next_after,
        "now": now,
    }
    return render(request, part, context)


def _find(access: Access, lease_id: UUID, now: datetime) -> BoughtLease:
    found = find_lease(access.tenant, lease_id, now=now)
    if found is None:
        raise Http404
    return found


@require_http_methods(["GET", "POST"])
@never_cache
@tenant_page_for(Permission.BUILD)
def release(request: HttpRequest, access: Access, lease_id: UUID) -> HttpResponse:
    now = timezone.now()
    lease = _find(access, lease_id, now)
    if request.method != "POST":
        context = {"lease": lease, "now": now}
        return render(request, "frontend/leases/release_lease.html", context)
    try:
        row = release_lease(tenant_id=access.tenant.pk, lease_id=lease_id, now=now)
    except InferenceError as error:
        messages.error(request, str(error))
    else:
        if row.status is LeaseStatus.RELEASED:
            messages.success(request, gettext("Released. The meter has stopped."))
        else:
            messages.info(request, gettext("It had ended before."))
    return redirect("frontend:leases")


@require_http_methods(["GET", "POST"])
@never_cache
@tenant_page_for(Permission.BUILD)
def extend(request: HttpRequest, access: Access, lease_id: UUID) -> HttpResponse:
    now = timezone.now()
    lease = _find(access, lease_id, now)
    # In the name of the key that bought it, also if that is revoked by now.
    keys = ApiKey.objects.select_related("tenant").filter(tenant=access.tenant)
    api_key = keys.get(pk=lease.event.api_key_id)
    form = ExtensionForm(extensions(lease, now), request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            extend_lease(api_key=api_key, lease_id=lease_id, ttl=form.ttl, now=now)
        except InferenceError as error:
            messages.error(request, str(error))
        else:
            messages.success(request, gettext("Extended."))
        return redirect("frontend:leases")
    context = {
        "lease": lease,
        "form": form,
        "is_money_limited": is_money_limited(api_key),
        "now": now,
    }
    status = 422 if form.errors else 200
    return render(request, "frontend/leases/extend_lease.html", context, status=status)
