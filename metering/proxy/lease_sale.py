"""Whether a lease is sold, and what it may cost."""

from inference.domain.lease_control import EngineLeases
from inference.domain.lease_terms import Tier
from metering.domain.leased import BYTE_MS_PER_MB_S
from metering.proxy import errors
from metering.proxy.errors import RefusedError
from metering.proxy.lease_listener import EngineSilentError, LeaseListener
from metering.proxy.transform.lease_fields import AskedLease
from metering.wire import PriceVector

UNAVAILABLE = RefusedError(
    errors.LEASES_UNAVAILABLE,
    "Leases cannot be looked up right now. Please retry in a second.",
    retry_after_seconds=1,
)


class LeaseSale:
    def __init__(self, asked: AskedLease, price: PriceVector, *, model: str) -> None:
        self._asked = asked
        self._price = price
        self._model = model

    def of(self, asked: AskedLease) -> "LeaseSale":
        """The same of other terms."""
        return LeaseSale(asked, self._price, model=self._model)

    @property
    def rate(self) -> int | None:
        """The highest that applies, per million MB_s; None: not sold."""
        price, tier = self._price, self._asked.tier
        hbm, host = (
            price.hbm_mb_s_nanos_per_million,
            price.host_mb_s_nanos_per_million,
        )
        if tier is Tier.DISK:
            return price.disk_mb_s_nanos_per_million
        if tier is Tier.HOST:
            return host
        if tier is Tier.HBM or host is None:
            return hbm
        return None if hbm is None else max(hbm, host)

    def ttl_ms(self, tier: Tier, facts: EngineLeases) -> int:
        """How long it may lie there. Where a tier has no price nothing may come to lie
        in it: its time could not be put on any invoice. On disk lies what was asked
        for there, and that alone.
        """
        asked, ttl_ms = self._asked.tier, self._asked.ttl_ms
        if tier is Tier.HBM:
            return ttl_ms if asked in {Tier.AUTO, Tier.HBM} else 0
        if tier is Tier.DISK:
            return ttl_ms if asked is Tier.DISK else 0
        is_sold = self._price.host_mb_s_nanos_per_million is not None
        is_there = is_sold and facts.host_blocks_max > 0
        return ttl_ms if is_there and asked in {Tier.AUTO, Tier.HOST} else 0

    def most_cost_nanos(self, tokens: int, facts: EngineLeases | None) -> int:
        """Of a lease of so many tokens, held for all of its time; rounded up."""
        if facts is None or not self._asked.ttl_ms:
            return 0
        blocks = -(-tokens // facts.block_tokens)
        return self.cost_nanos(blocks * facts.block_bytes)

    def cost_nanos(self, size: int) -> int:
        """Bytes times milliseconds times a rate per million MB_s, rounded up."""
        byte_ms_rate = size * self._asked.ttl_ms * (self.rate or 0)
        return -(-byte_ms_rate // (BYTE_MS_PER_MB_S * 1_000_000))

    def check_offered(self) -> None:
        """Raises RefusedError."""
        if not self._price.sells_leases:
            raise RefusedError(
                errors.LEASES_NOT_OFFERED,
                "KV leases are not sold at the moment. Leave kv_retention out.",
                param="kv_retention",
            )

    def check_price(self) -> None:
        """Raises RefusedError."""
        if self.rate is None:
            tier = "" if self._asked.tier is Tier.AUTO else f" in {self._asked.tier}"
            raise RefusedError(
                errors.LEASES_NOT_OFFERED,
                f"KV leases{tier} of the model {self._model} are not sold: they have "
                "no price.",
                param="kv_retention",
            )

    def check_engine(self, facts: EngineLeases) -> None:
        """Raises RefusedError."""
        if reason := facts.unsupported or self._why_not_there(facts):
            raise RefusedError(
                errors.LEASES_NOT_OFFERED,
                f"The model {self._model} gives no such leases: {reason}.",
                param="kv_retention",
            )

    def _why_not_there(self, facts: EngineLeases) -> str:
        if self._asked.tier is Tier.HOST and not facts.host_blocks_max:
            return "its engines have no host memory for leases"
        if self._asked.tier is Tier.DISK and not facts.disk_blocks_max:
            return "its engines have no disk for leases"
        return ""


async def check_room(listener: LeaseListener, *, tenant_id: int, blocks: int) -> None:
    """Raises RefusedError when so many more blocks would pass the cap of all leases, or
    of this tenant's.
    """
    try:
        now = await listener.status_now(tenant_id)
    except EngineSilentError:
        raise UNAVAILABLE from None
    whose = ""
    if now.tenant_blocks + blocks > now.caps.per_tenant:
        whose = " Your leases would hold more than one tenant may: release one of them."
    if whose or now.held_blocks + blocks > now.caps.all_leases:
        raise RefusedError(
            errors.LEASES_FULL,
            f"There is no room for a lease right now.{whose} Retry later, or send "
            "`on_full: degrade` to be answered without one.",
            param="kv_retention",
            retry_after_seconds=5,
        )
