"""Budgets: what is spent of each, what is likely to come, and who was told when."""

from datetime import UTC, datetime

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from frontend.access import Access, tenant_page
from frontend.limits.budget_list import read_budgets


@require_safe
@never_cache
@tenant_page
def budgets(request: HttpRequest, access: Access) -> HttpResponse:
    page = read_budgets(access.tenant, now=datetime.now(UTC))
    context = {"page": page, "tenant": access.tenant}
    return render(request, "frontend/limits/budgets.html", context)
