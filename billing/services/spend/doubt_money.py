"""Have every tenant's money counted anew, whatever went wrong unseen."""

from billing.domain.spend_counters import UNSURE_KEY
from billing.services.spend.keep_money_seeded import counted_tenants
from tenants.services.valkey import open_valkey


def doubt_money() -> None:
    """`keep_money_seeded` does the counting, and only sets what nobody moves.

    Calls that were admitted before a tenant's spend was counted, and end after it, are
    added by nobody; this finds them. Raises redis.RedisError.
    """
    counted = counted_tenants()
    if counted:
        with open_valkey() as valkey:
            valkey.sadd(UNSURE_KEY, *counted)
