"""Which prices plans had before."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from billing.models.plans import Plan
from billing.models.price_books import PriceBook
from tenants.append_only import append_only, no_truncate


class PlanBookChange(models.Model):
    """A plan got other prices: what a plan says changes in this alone, so that is
    kept.
    """

    plan = models.ForeignKey(Plan, models.PROTECT, related_name="book_changes")
    before = models.ForeignKey(
        PriceBook, models.PROTECT, null=True, blank=True, related_name="+"
    )
    """Null: the list."""
    after = models.ForeignKey(
        PriceBook, models.PROTECT, null=True, blank=True, related_name="+"
    )
    """Null: the list."""
    changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+"
    )
    changed_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=~Q(before=F("after"))
                & ~Q(before__isnull=True, after__isnull=True),
                name="plan_book_change_changes",
            )
        ]
        triggers = [*append_only(), no_truncate()]

    def __str__(self) -> str:
        return f"{self.plan}: {self.before or 'list'} to {self.after or 'list'}"
