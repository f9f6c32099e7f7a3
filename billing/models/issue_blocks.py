"""Drafts that are due and cannot be issued."""

from django.db import models
from django.db.models import Q

from billing.models.credit_notes import CreditNote
from billing.models.invoices import Invoice
from tenants.models import Tenant


class IssueBlock(models.Model):
    """Why a draft is not issued, and since when; gone with the draft, or once it is."""

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="issue_blocks")
    invoice = models.OneToOneField(
        Invoice, models.CASCADE, null=True, blank=True, related_name="block"
    )
    credit_note = models.OneToOneField(
        CreditNote, models.CASCADE, null=True, blank=True, related_name="block"
    )
    code = models.CharField(max_length=60)
    """Of the error that stopped it."""
    reason = models.TextField()
    """For staff."""
    since = models.DateTimeField()
    """When it was first tried in vain."""
    told_at = models.DateTimeField(null=True, blank=True)
    """When operators were mailed; null: they were not yet."""

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(invoice__isnull=False, credit_note=None)
                | Q(invoice=None, credit_note__isnull=False),
                name="issue_block_of_one_draft",
            )
        ]

    def __str__(self) -> str:
        return f"{self.invoice or self.credit_note}: {self.code}"
