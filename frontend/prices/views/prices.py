"""What the tenant pays, and will pay."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from billing.services.prices.read_price_list import read_price_list
from frontend.access import Access, tenant_page
from frontend.prices.price_list import show_prices


@require_safe
@never_cache
@tenant_page
def prices(request: HttpRequest, access: Access) -> HttpResponse:
    found = show_prices(read_price_list(access.tenant.pk, now=timezone.now()))
    return render(request, "frontend/prices/prices.html", {"prices": found})
