"""What staff did to what all tenants share. Staff only."""

from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from frontend.access import operator_page
from tenants.audit_models import StaffEntry

PAGE_ROWS = 50
_ID_DIGITS_MAX = 18


@require_safe
@operator_page
def log(request: HttpRequest) -> HttpResponse:
    """Pages go by id: what is written meanwhile moves none of them."""
    wanted = request.GET.get("q", "").strip()
    before = request.GET.get("before", "")
    rows = StaffEntry.objects.order_by("-pk")
    if wanted:
        rows = rows.filter(
            Q(actor_name__icontains=wanted)
            | Q(words__icontains=wanted)
            | Q(action__startswith=wanted)
        )
    if before.isdecimal() and len(before) <= _ID_DIGITS_MAX:
        rows = rows.filter(pk__lt=int(before))
    entries = list(rows[: PAGE_ROWS + 1])
    context = {
        "entries": entries[:PAGE_ROWS],
        "next_before": entries[PAGE_ROWS - 1].pk if len(entries) > PAGE_ROWS else None,
        "is_first": not before,
        "wanted": wanted,
    }
    return render(request, "frontend/operator/log.html", context)
