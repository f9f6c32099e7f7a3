"""Tell Valkey of a tenant's credit."""

from billing.domain.spend_counters import money_key
from billing.services.credit.limiter_credit import limiter_credits
from tenants.services.valkey import open_valkey


def publish_credit(tenant_id: int) -> None:
    """To a tenant that is not seeded yet it gives nothing: without `server` the data
    plane does not believe the rest, and `keep_money_seeded` follows.

    Raises redis.RedisError.
    """
    credit = limiter_credits([tenant_id]).get(tenant_id)
    if credit is not None:
        with open_valkey() as valkey:
            valkey.hset(money_key(tenant_id), "credit", str(credit))
