"""See that all stored usage of a tenant is in its rollups."""

from datetime import datetime

from django.db import connection, transaction

from billing.errors import UsageNotRolledUpError
from metering.models import OpenHour
from metering.services.roll_up_usage import roll_up_usage
from tenants.models import Tenant

ROUNDS_MAX = 20
_LOCK_TIMEOUT = "30s"


def roll_up_tenant(tenant: Tenant, *, until: datetime) -> None:
    """Folds what is open of the hours before `until`.

    Usage that keeps arriving opens its hour again, so it is tried ROUNDS_MAX times;
    then UsageNotRolledUpError is raised.
    """
    open_hours = OpenHour.objects.filter(tenant_id=tenant.pk, hour_at__lt=until)
    for _ in range(ROUNDS_MAX):
        _wait_for_others(tenant.pk)
        if not open_hours.exists():
            return
        roll_up_usage()
    raise UsageNotRolledUpError(
        f"The usage of {tenant.name} arrives faster than it is rolled up; try again."
    )


@transaction.atomic
def _wait_for_others(tenant_id: int) -> None:
    """Another roll-up hides the hours it has taken, and its rollups, until it commits.
    Locking the same rows waits for that commit.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", [_LOCK_TIMEOUT])
    mine = OpenHour.objects.filter(tenant_id=tenant_id).order_by("id")
    list(mine.select_for_update().values_list("pk"))
