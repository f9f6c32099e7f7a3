"""What the last thirty days would have cost on other terms."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from frontend.access import Access, tenant_page
from frontend.plans.adviser_page import read_adviser


@require_safe
@tenant_page
def adviser(request: HttpRequest, access: Access) -> HttpResponse:
    page = read_adviser(access.tenant, now=timezone.now())
    return render(request, "frontend/plans/adviser.html", {"page": page})
