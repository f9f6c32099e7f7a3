"""What of the engines' KV memory can be sold: the row that a sale locks."""

from django.db import models
from django.db.models import F, Q

from inference.domain.lease_terms import Tier
from inference.models import Engine


class EngineCapacity(models.Model):
    """One tier of one engine, as the engine last told it."""

    engine = models.ForeignKey(Engine, models.CASCADE, related_name="capacities")
    tier = models.CharField(max_length=16, choices=[(t.value, t.value) for t in Tier])
    sellable_blocks = models.BigIntegerField()
    """That leases may hold together. What running calls need is never among them."""
    guaranteed_blocks = models.BigIntegerField()
    """Of them, for the guaranteed class."""
    tenant_blocks = models.BigIntegerField()
    """Of them, for one tenant."""
    held_blocks = models.BigIntegerField()
    """That leases held when it was asked, those of conversations included."""
    block_tokens = models.PositiveIntegerField()
    block_bytes = models.BigIntegerField()
    epoch = models.CharField(max_length=128)
    unsupported = models.CharField(max_length=500, blank=True, default="")
    """Why the engine gives no leases; empty: it does."""
    read_at = models.DateTimeField()
    """The engine was asked."""

    class Meta:
        db_table = "engine_capacity"
        constraints = [
            models.UniqueConstraint(
                fields=["engine", "tier"], name="engine_capacity_once"
            ),
            models.CheckConstraint(
                condition=Q(tier__in=["hbm", "host", "disk"]),
                name="engine_capacity_tier",
            ),
            models.CheckConstraint(
                condition=Q(
                    sellable_blocks__gte=0,
                    guaranteed_blocks__gte=0,
                    guaranteed_blocks__lte=F("sellable_blocks"),
                    tenant_blocks__gte=0,
                    held_blocks__gte=0,
                    block_tokens__gt=0,
                    block_bytes__gt=0,
                ),
                name="engine_capacity_in_range",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.sellable_blocks} blocks of {self.tier} on {self.engine_id}"
