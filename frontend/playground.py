"""What the playground knows when it comes: where to call, and what may be asked."""

from typing import Any

from django.conf import settings
from django.urls import reverse
from django.utils import timezone

from frontend.access import Access
from inference.models import ServedModel
from inference.wire import Task
from tenants.domain.currency import SYMBOLS
from tenants.models import Project

_REQUEST_ID = "request-id"
"""In whose place the script puts the id of a call."""
_LINKS = (
    "api_keys",
    "billing",
    "credit",
    "leases",
    "limits",
    "prices",
    "status",
    "usage",
)


def find_project(access: Access) -> Project:
    """Whose calls the playground's are: the first of the tenant's."""
    return access.tenant.projects.earliest("pk")


def playground_facts(access: Access) -> dict[str, Any]:
    """JSON for the page's script; no secret is among it."""
    retention = find_project(access).retention
    return {
        "api_url": f"{settings.API_URL}/v1",
        # Of one person in one tenant: a tab may see several.
        "storage": f"tokenfab-playground-{access.user.pk}-{access.tenant.pk}",
        "currency_symbol": SYMBOLS[access.tenant.currency],
        "models": _models(),
        "is_leased_by_default": bool(retention.timeout_seconds),
        "server_ms": int(timezone.now().timestamp() * 1000),
        "secret_url": reverse("frontend:playground_secret"),
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
