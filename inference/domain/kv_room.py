"""How much of one engine's KV memory may still be sold for cached prompts.

The books say so before anything is computed. The engine is the last judge.
"""

import enum
from dataclasses import dataclass

from inference.domain.lease_terms import LeaseClass


class NoRoom(enum.StrEnum):
    """Which cap stands in the way."""

    SELLABLE = "sellable"
    GUARANTEED = "guaranteed"
    TENANT = "tenant"


@dataclass(frozen=True, kw_only=True)
class KvRoom:
    """Blocks of one tier of one engine. Sold are those of holds too."""

    sellable: int
    guaranteed: int
    """Of the sellable ones, for the guaranteed class."""
    per_tenant: int
    sold: int
    guaranteed_sold: int
    tenant_sold: int
    """To the tenant that asks."""

    def free_for(self, lease_class: LeaseClass) -> int:
        """The most that this tenant could still buy; never below zero."""
        frees = [self.sellable - self.sold, self.per_tenant - self.tenant_sold]
        if lease_class is LeaseClass.GUARANTEED:
            frees.append(self.guaranteed - self.guaranteed_sold)
        return max(0, min(frees))

    def obstacle(self, blocks: int, lease_class: LeaseClass) -> NoRoom | None:
        """None: so many more may be sold."""
        if self.sold + blocks > self.sellable:
            return NoRoom.SELLABLE
        if self.tenant_sold + blocks > self.per_tenant:
            return NoRoom.TENANT
        is_guaranteed = lease_class is LeaseClass.GUARANTEED
        if is_guaranteed and self.guaranteed_sold + blocks > self.guaranteed:
            return NoRoom.GUARANTEED
        return None
