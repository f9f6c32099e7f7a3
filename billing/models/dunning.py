"""What was done about unpaid invoices."""

from django.db import models
from django.db.models import Q

from billing.domain.dunning import Step
from billing.models.invoices import Invoice
from tenants.models import Tenant

_STEPS = [step.value for step in Step]


class DunningStep(models.Model):
    """One step about one invoice. The row is what keeps it from being done twice."""

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="dunning_steps")
    invoice = models.ForeignKey(Invoice, models.PROTECT, related_name="dunning_steps")
    step = models.CharField(max_length=16, choices=[(one, one) for one in _STEPS])
    taken_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["invoice", "step"], name="dunning_step_once"
            ),
            models.CheckConstraint(
                condition=Q(step__in=_STEPS), name="dunning_step_known"
            ),
        ]

    def __str__(self) -> str:
        return self.step
