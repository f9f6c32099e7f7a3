"""What engines cost by the hour, as the operator enters it."""

from django.db import models
from django.db.models import Q

from inference.models import Engine
from tenants.append_only import append_only, no_truncate
from tenants.domain.currency import CURRENCIES, USD

_KEPT = "what an engine cost is kept"


class EngineCost(models.Model):
    """From an instant on. Of two with the same start the one entered last holds."""

    engine = models.ForeignKey(Engine, models.PROTECT, related_name="costs")
    starts_at = models.DateTimeField()
    gpus = models.PositiveSmallIntegerField()
    """0: the engine is given back, and costs nothing."""
    nanos_per_gpu_hour = models.BigIntegerField()
    currency = models.CharField(
        max_length=3, choices=[(code, code) for code in CURRENCIES], default=USD
    )
    created_at = models.DateTimeField()

    class Meta:
        db_table = "engine_cost"
        triggers = [*append_only(_KEPT), no_truncate(_KEPT)]
        indexes = [
            models.Index(fields=["engine", "starts_at"], name="engine_cost_of_engine")
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(nanos_per_gpu_hour__gte=0), name="engine_cost_not_negative"
            ),
            models.CheckConstraint(
                condition=Q(currency__in=CURRENCIES), name="engine_cost_currency_known"
            ),
        ]
