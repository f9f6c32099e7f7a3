"""Serialise what rates, drafts and issues for one tenant."""

from django.db import connection

from billing.errors import UnknownTenantError
from tenants.models import Tenant

_LOCK_TIMEOUT = "10s"


def lock_tenant(tenant_id: int) -> None:
    """Holds the tenant's row until the end of the transaction.

    NO KEY UPDATE lets everybody else go on who only refers to the tenant: usage is
    stored and keys are issued meanwhile. Raises UnknownTenantError, and
    django.db.OperationalError when the lock is not had in time.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", [_LOCK_TIMEOUT])
    tenants = Tenant.objects.select_for_update(no_key=True)
    if not tenants.filter(pk=tenant_id).values_list("pk", flat=True).first():
        raise UnknownTenantError(f"Usage names tenant {tenant_id}, which is not there.")
