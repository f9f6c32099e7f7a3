"""KV leases: those that are held, and what the latest ones came to."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from frontend.access import Access, tenant_page
from frontend.leases import latest_leases
from frontend.parts import wants_part

LEASES_SHOWN = 100


@require_safe
@never_cache
@tenant_page
def leases(request: HttpRequest, access: Access) -> HttpResponse:
    found = latest_leases(access.tenant, limit=LEASES_SHOWN, now=timezone.now())
    part = (
        "frontend/leases_table.html" if wants_part(request) else "frontend/leases.html"
    )
    return render(request, part, {"leases": found, "limit": LEASES_SHOWN})
