"""What every page's template may use, as the one variable `portal`."""

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest

from frontend.access import Access, find_access
from tenants.services.read_switches import read_switches
from tenants.switches_models import Switches


@dataclass(frozen=True, kw_only=True)
class Portal:
    api_url: str
    """Base URL that clients are given; ends in `/v1`."""
    engine_is_simulator: bool
    has_mailbox: bool
    page: str
    """Name of the current page in `frontend.urls`; marks the menu."""
    access: Access | None
    switches: Switches
    """What the operator has switched on."""


def portal(request: HttpRequest) -> dict[str, Any]:
    match = request.resolver_match
    return {
        "portal": Portal(
            api_url=f"{settings.API_URL}/v1",
            engine_is_simulator=settings.ENGINE_IS_SIMULATOR,
            has_mailbox=settings.HAS_MAILBOX,
            page=(match.url_name or "") if match else "",
            access=find_access(request) if hasattr(request, "user") else None,
            switches=read_switches(),
        )
    }
