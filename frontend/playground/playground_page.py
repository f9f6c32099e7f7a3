"""What the playground knows when it comes: where to call, and what may be asked."""

from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.db.models import QuerySet
from django.http import Http404, HttpRequest
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone

from frontend.access import Access
from inference.models import ServedModel
from inference.wire import Task
from tenants.domain.currency import SYMBOLS
from tenants.models import Project

_REQUEST_ID = "request-id"
"""In whose place the script puts the id of a call."""
_ID_DIGITS = 19
"""More than any number that a row has."""
_LINKS = (
    "api_keys",
    "billing",
    "credit",
    "leases",
    "limits",
    "overview",
    "prices",
    "status",
    "usage",
)


def projects_of(access: Access) -> QuerySet[Project]:
    """Whose calls the playground's may be; the first is taken if none is chosen."""
    return access.tenant.projects.filter(archived_at=None).order_by("pk")


def find_project(request: HttpRequest, access: Access) -> Project:
    """Whose calls the playground's are. Raises Http404."""
    wanted = request.GET.get("project", "")
    projects = projects_of(access)
    if not wanted:
        return projects[0]
    if not (wanted.isdecimal() and len(wanted) < _ID_DIGITS):
        raise Http404
    return get_object_or_404(projects, pk=int(wanted))


def playground_facts(access: Access, project: Project) -> dict[str, Any]:
    """JSON for the page's script; no secret is among it."""
    query = urlencode({"project": project.pk})
    return {
        "api_url": f"{settings.API_URL}/v1",
        # Of one person in one tenant: a tab may see several.
        "storage": f"tokenfab-playground-{access.user.pk}-{access.tenant.pk}",
        "currency_symbol": SYMBOLS[access.tenant.currency],
        "models": _models(),
        "is_leased_by_default": bool(project.retention.timeout_seconds),
        "server_ms": int(timezone.now().timestamp() * 1000),
        "secret_url": f"{reverse('frontend:playground_secret')}?{query}",
        "leave_url": reverse("frontend:leave_playground"),
        "call_url": reverse("frontend:call", args=[_REQUEST_ID]),
        "links": {name: reverse(f"frontend:{name}") for name in _LINKS},
    }


def _models() -> list[dict[str, Any]]:
    """Those that chat and have an engine, the default one first."""
    models = ServedModel.objects.filter(engines__isnull=False, task=Task.GENERATE)
    rows = models.distinct().order_by("-is_default", "name")
    return [
        {"name": row.name, "title": row.title, "context_tokens": row.context_tokens}
        for row in rows
    ]
