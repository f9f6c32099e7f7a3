"""How the installation is: journals, tasks, servers, reconciliation. Staff only."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from frontend.access import operator_page
from frontend.operator.health import (
    read_deliveries,
    read_journals,
    read_reconciliation,
    worst,
)
from frontend.operator.health_servers import read_postgres, read_valkey
from frontend.operator.health_tasks import read_tasks
from frontend.parts import wants_part


@require_safe
@never_cache
@operator_page
def health(request: HttpRequest) -> HttpResponse:
    """The page; asked by htmx, its live part alone."""
    now = timezone.now()
    tasks, scheduled = read_tasks(now=now)
    postgres, tables = read_postgres()
    parts = [
        read_journals(now=now),
        tasks,
        read_valkey(now=now),
        postgres,
        read_reconciliation(now=now),
        read_deliveries(now=now),
    ]
    checks = [check for part in parts for check in part.checks]
    context = {
        "parts": parts,
        "state": worst(checks),
        "to_do": [check for check in checks if not check.is_well],
        "scheduled": scheduled,
        "tables": tables,
    }
    name = "health_live" if wants_part(request) else "health"
    return render(request, f"frontend/operator/{name}.html", context)
