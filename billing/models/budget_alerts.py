"""Which mails about budgets were sent."""

from django.db import models

from tenants.models import Budget, Tenant


class BudgetAlert(models.Model):
    """One threshold of a budget, passed in one period. The row is what keeps a second
    mail from being sent.
    """

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="budget_alerts")
    budget = models.ForeignKey(Budget, models.CASCADE, related_name="alerts")
    period_starts_on = models.DateField()
    """The day, or the first day of the month (UTC)."""
    threshold_percent = models.PositiveSmallIntegerField()
    amount_nanos = models.BigIntegerField()
    """Of the budget, at the time: a budget that is changed has new thresholds."""
    alerted_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=[
                    "budget",
                    "period_starts_on",
                    "threshold_percent",
                    "amount_nanos",
                ],
                name="budget_alert_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.threshold_percent} % on {self.period_starts_on}"
