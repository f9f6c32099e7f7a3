"""The API key of a secret, for the few calls that the control plane answers itself."""

from datetime import datetime

from django.db.models import Q

from tenants.domain import api_keys
from tenants.models import ApiKey


def find_api_key(secret: str, *, now: datetime) -> ApiKey | None:
    """None: there is none, or it was revoked or has expired."""
    if not api_keys.is_well_formed(secret):
        return None
    usable = Q(expires_at__isnull=True) | Q(expires_at__gt=now)
    return (
        ApiKey.objects.select_related("tenant")
        .filter(usable, digest=api_keys.digest(secret), revoked_at__isnull=True)
        .first()
    )
