"""Issued documents that lower issued invoices."""

import pgtrigger
from django.db import models
from django.db.models import F, Q

from billing.models.final_documents import (
    final_once_issued,
    lines_of_drafts_only,
    totals_are_the_lines,
)
from billing.models.invoices import Invoice, LineItem
from tenants.append_only import no_truncate
from tenants.domain.currency import USD
from tenants.models import Tenant

# As of an invoice: nothing of an issued note changes.
_NOTE_IS_FINAL = """
IF TG_OP = 'INSERT' THEN
    IF NEW.status = 'draft' THEN RETURN NEW; END IF;
ELSIF OLD.status = 'draft' THEN
    IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
    RETURN NEW;
END IF;
RAISE EXCEPTION 'a credit note starts as a draft and is final once issued: % refused',
    TG_OP USING ERRCODE = 'restrict_violation';
"""
_NO_MORE_THAN_BILLED = """
IF EXISTS (
    SELECT 1 FROM billing_creditnoteline n JOIN billing_lineitem l ON l.id = n.line_id
    WHERE n.line_id = NEW.line_id GROUP BY l.id
    HAVING sum(n.amount_nanos) > l.amount_nanos
        OR sum(n.amount_cents) > l.amount_cents OR sum(n.quantity) > l.quantity)
THEN
    RAISE EXCEPTION 'credit notes take more from line % than it billed', NEW.line_id
        USING ERRCODE = 'check_violation';
END IF;
RETURN NULL;
"""


class CreditNoteKind(models.TextChoices):
    ADJUSTMENT = "adjustment"
    """What was billed was too much: the usage, or its price, is less by now."""
    GOODWILL = "goodwill"
    """The usage stands; we let some of it go."""


class CreditNoteTarget(models.TextChoices):
    """Where what was paid of it already goes; what was not is no longer due."""

    CREDIT = "credit"
    """A credit grant."""
    PAYMENT = "payment"
    """Back to where the invoice was paid from."""


class CreditNote(models.Model):
    """Lowers one issued invoice, whole or in part."""

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="credit_notes")
    invoice = models.ForeignKey(
        Invoice, models.PROTECT, related_name="credit_notes", db_constraint=False
    )
    """Guarded by a key together with the tenant (migration)."""
    currency = models.CharField(max_length=3, default=USD, db_default=USD)
    """The tenant's, by a key together (migration)."""
    kind = models.CharField(max_length=16, choices=CreditNoteKind)
    target = models.CharField(
        max_length=16, choices=CreditNoteTarget, default=CreditNoteTarget.CREDIT
    )
    reason = models.CharField(max_length=300)
    idempotency_key = models.CharField(max_length=100, blank=True)
    """Of who asked for it; empty: rating found the difference."""
    status = models.CharField(
        max_length=8,
        choices=[("draft", "draft"), ("issued", "issued")],
        default="draft",
    )
    number = models.CharField(max_length=30, unique=True, null=True, blank=True)
    issued_at = models.DateTimeField(null=True, blank=True)
    lines_cents = models.BigIntegerField(default=0)
    """The sum of the lines."""
    tax_cents = models.BigIntegerField(default=0)
    total_cents = models.BigIntegerField(default=0)
    """With tax: by what the invoice is lowered."""
    applied_cents = models.BigIntegerField(default=0)
    """The part by which less is due."""
    credited_cents = models.BigIntegerField(default=0)
    """The part that became credit."""
    refunded_cents = models.BigIntegerField(default=0)
    """The part that goes back to where it was paid from."""
    total_nanos = models.BigIntegerField(default=0)
    """The sum of the lines before rounding."""
    refreshed_at = models.DateTimeField()
    """When its lines last changed."""

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["invoice", "kind"],
                condition=Q(status="draft"),
                name="credit_note_one_draft_of_kind",
            ),
            models.UniqueConstraint(
                fields=["tenant", "idempotency_key"],
                condition=~Q(idempotency_key=""),
                name="credit_note_once",
            ),
            models.UniqueConstraint(
                fields=["id", "tenant"], name="credit_note_of_tenant"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=CreditNoteKind.values)
                & Q(target__in=CreditNoteTarget.values),
                name="credit_note_kind_known",
            ),
            models.CheckConstraint(
                condition=Q(status="draft", number=None, issued_at=None)
                | Q(status="issued", number__isnull=False, issued_at__isnull=False),
                name="credit_note_numbered_when_issued",
            ),
            models.CheckConstraint(
                condition=Q(
                    lines_cents__gte=0,
                    tax_cents__gte=0,
                    total_cents__gte=F("lines_cents"),
                    total_nanos__gte=0,
                ),
                name="credit_note_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(
                    applied_cents__gte=0, credited_cents__gte=0, refunded_cents__gte=0
                )
                & (
                    Q(status="draft")
                    | Q(
                        total_cents=F("applied_cents")
                        + F("credited_cents")
                        + F("refunded_cents")
                    )
                ),
                name="credit_note_goes_somewhere",
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "-issued_at"], name="credit_note_by_time")
        ]
        triggers = [
            final_once_issued(_NOTE_IS_FINAL),
            totals_are_the_lines(
                document="credit note",
                alias="c",
                rows="billing_creditnote c\n    LEFT JOIN billing_creditnoteline l"
                " ON l.credit_note_id = c.id",
            ),
            no_truncate(),
        ]

    def __str__(self) -> str:
        return self.number or f"draft for {self.invoice}"


class CreditNoteLine(models.Model):
    """What a credit note takes from one line of its invoice."""

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="credit_note_lines")
    credit_note = models.ForeignKey(
        CreditNote, models.CASCADE, related_name="lines", db_constraint=False
    )
    line = models.ForeignKey(
        LineItem, models.PROTECT, related_name="credited", db_constraint=False
    )
    """Both guarded by a key together with the tenant (migration)."""
    quantity = models.BigIntegerField(default=0)
    amount_nanos = models.BigIntegerField()
    amount_cents = models.BigIntegerField()
    """By what the line's cents shrink when so much is taken from it."""

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["credit_note", "line"], name="credit_note_line_once"
            ),
            models.CheckConstraint(
                condition=Q(quantity__gte=0, amount_nanos__gte=0, amount_cents__gte=0),
                name="credit_note_line_not_negative",
            ),
        ]
        triggers = [
            lines_of_drafts_only(
                table="billing_creditnote",
                column="credit_note_id",
                document="credit note",
            ),
            pgtrigger.Trigger(
                name="no_more_than_billed",
                when=pgtrigger.After,
                operation=pgtrigger.Insert | pgtrigger.Update,
                timing=pgtrigger.Deferred,
                func=_NO_MORE_THAN_BILLED,
            ),
            no_truncate(),
        ]
