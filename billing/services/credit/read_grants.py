"""What remains of a tenant's credit grants."""

from billing.domain.credit import Grant
from billing.models.credit import CreditGrant


def read_grants(tenant_id: int) -> list[Grant]:
    """Those of which anything remains, expired ones included."""
    rows = CreditGrant.objects.filter(tenant_id=tenant_id).with_remaining()
    return [
        Grant(
            grant_id=row.pk,
            remaining_nanos=row.remaining,
            priority=row.priority,
            granted_at=row.granted_at,
            expires_at=row.expires_at,
        )
        for row in rows.filter(remaining__gt=0)
    ]
