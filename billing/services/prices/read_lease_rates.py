"""The rates in force for the time of leases, by model."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from billing.services.prices.price_of import prices_of
from inference.domain.lease_terms import Tier


@dataclass(frozen=True, kw_only=True)
class LeaseRates:
    """Nanos per million; None: not sold."""

    currency: str
    """Empty: nothing is sold."""
    input: int
    """New input tokens."""
    hbm: int | None
    """MB_s, as below."""
    host: int | None
    disk: int | None

    def of(self, tier: str) -> int | None:
        """What the time in `tier` costs at most; an automatic lease begins in HBM."""
        of_tier = {Tier.HOST: self.host, Tier.DISK: self.disk}
        return of_tier.get(Tier(tier), self.hbm)


NOT_SOLD = LeaseRates(currency="", input=0, hbm=None, host=None, disk=None)


def read_lease_rates(
    served_model_ids: Collection[int], *, tenant_id: int, now: datetime
) -> dict[int, LeaseRates]:
    """What the tenant pays now, by id of the model; one without a price is left out."""
    prices = prices_of(tenant_id, at=now, served_model_ids=served_model_ids)
    return {
        served_model_id: LeaseRates(
            currency=row.price_book.currency,
            input=row.new_input_nanos_per_million,
            hbm=row.hbm_mb_s_nanos_per_million,
            host=row.host_mb_s_nanos_per_million,
            disk=row.disk_mb_s_nanos_per_million,
        )
        for served_model_id, row in prices.items()
    }
