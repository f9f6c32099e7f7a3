"""Names of the counters in Valkey that the money limits are decided by.

The proxies raise them, the control plane seeds them, pages read them: one source. All
of a tenant's share a hash tag. Values are whole nanos.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime

from metering.domain import limit_keys
from metering.domain.limit_keys import day_of, month_of
from tenants.wire import Scope, SpendPeriod

UNSURE_KEY = "tokenfab:money:unsure"
"""Set of tenant ids: a hold was spent in full because its proxy died."""
SEEDING_KEY = "tokenfab:money:seeding"
"""Hash: tenant id -> what its counters were when a seeding began."""
SEEDED_KEY = "tokenfab:money:seeded"
"""Set of tenant ids that were counted all the time since they were seeded."""
KEPT_SECONDS = {SpendPeriod.DAY: 3 * 86_400, SpendPeriod.MONTH: 40 * 86_400}


@dataclass(frozen=True)
class Spender:
    """Whose calls are summed: a key, a project, or the tenant."""

    scope: Scope
    scope_id: int


def money_key(tenant_id: int) -> str:
    """Hash: `server`, `credit`, `counted_at_us`."""
    return f"tokenfab:money:{{{tenant_id}}}"


def total_key(tenant_id: int) -> str:
    """What the tenant ever spent; kept for ever."""
    return f"tokenfab:spent:{{{tenant_id}}}:tenant:total"


def held_key(tenant_id: int) -> str:
    """Hash of what running calls hold: `tenant`, `project:<id>`, `key:<id>`."""
    return f"tokenfab:held:{{{tenant_id}}}:sums"


def held_field(spender: Spender) -> str:
    if spender.scope is Scope.TENANT:
        return "tenant"
    return f"{spender.scope}:{spender.scope_id}"


def spent_key(
    tenant_id: int, spender: Spender, period: SpendPeriod, at: datetime
) -> str:
    """What `spender` spent on the UTC day, or in the month, of `at`."""
    utc = at.astimezone(UTC)
    span = day_of(utc) if period is SpendPeriod.DAY else month_of(utc)
    return limit_keys.spent_key(
        tenant_id, spender.scope, spender.scope_id, f"{period}:{span}"
    )


def begin_of(period: SpendPeriod, at: datetime) -> datetime:
    """The first instant of the UTC day or month of `at`."""
    midnight = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight if period is SpendPeriod.DAY else midnight.replace(day=1)


def first_day_of(period: SpendPeriod, at: datetime) -> date:
    return begin_of(period, at).date()
