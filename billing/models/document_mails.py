"""Which mails about documents, and about refunds that failed, are to be sent."""

from django.db import models
from django.db.models import Q

from billing.models.credit_notes import CreditNote
from billing.models.invoices import Invoice
from billing.models.payments import Refund
from tenants.models import Tenant


class DocumentMail(models.Model):
    """One mail about an issued document, or about a refund that did not arrive, written
    in the transaction that issues or fails it: a document without its mail cannot be,
    nor a mail without its document.
    """

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="document_mails")
    invoice = models.OneToOneField(
        Invoice, models.PROTECT, null=True, blank=True, related_name="mail"
    )
    credit_note = models.OneToOneField(
        CreditNote, models.PROTECT, null=True, blank=True, related_name="mail"
    )
    refund = models.ForeignKey(
        Refund, models.PROTECT, null=True, blank=True, related_name="mails"
    )
    is_to_staff = models.BooleanField(default=False, db_default=False)
    """Of a refund only: whether it is operators that are told, or the tenant."""
    try_after = models.DateTimeField()
    tries = models.PositiveSmallIntegerField(default=0)
    sent_at = models.DateTimeField(null=True, blank=True)
    """Null: not yet, or given up after too many tries."""
    problem = models.CharField(max_length=300, blank=True)
    """Why the last try failed; empty: it did not."""

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    Q(invoice__isnull=False, credit_note=None)
                    | Q(invoice=None, credit_note__isnull=False),
                    refund=None,
                    is_to_staff=False,
                )
                | Q(invoice=None, credit_note=None, refund__isnull=False),
                name="document_mail_of_one_document",
            ),
            models.UniqueConstraint(
                fields=["refund", "is_to_staff"],
                condition=Q(refund__isnull=False),
                name="document_mail_of_refund_once",
            ),
        ]
        indexes = [
            models.Index(
                fields=["try_after"],
                condition=Q(sent_at=None),
                name="document_mail_to_send",
            )
        ]

    def __str__(self) -> str:
        if self.refund is not None:
            return f"refund {self.refund.idempotency_key}"
        return str(self.invoice or self.credit_note)
