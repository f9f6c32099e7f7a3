"""Which mails about documents are to be sent."""

from django.db import models
from django.db.models import Q

from billing.models.credit_notes import CreditNote
from billing.models.invoices import Invoice
from tenants.models import Tenant


class DocumentMail(models.Model):
    """One mail about an issued document, written in the transaction that issues it: a
    document without its mail cannot be, nor a mail without its document.
    """

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="document_mails")
    invoice = models.OneToOneField(
        Invoice, models.PROTECT, null=True, blank=True, related_name="mail"
    )
    credit_note = models.OneToOneField(
        CreditNote, models.PROTECT, null=True, blank=True, related_name="mail"
    )
    try_after = models.DateTimeField()
    tries = models.PositiveSmallIntegerField(default=0)
    sent_at = models.DateTimeField(null=True, blank=True)
    """Null: not yet, or given up after too many tries."""
    problem = models.CharField(max_length=300, blank=True)
    """Why the last try failed; empty: it did not."""

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(invoice__isnull=False, credit_note=None)
                | Q(invoice=None, credit_note__isnull=False),
                name="document_mail_of_one_document",
            )
        ]
        indexes = [
            models.Index(
                fields=["try_after"],
                condition=Q(sent_at=None),
                name="document_mail_to_send",
            )
        ]

    def __str__(self) -> str:
        return str(self.invoice or self.credit_note)
