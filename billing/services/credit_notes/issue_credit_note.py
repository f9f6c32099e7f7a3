"""Issue a draft of a credit note: the invoice is lowered by it."""

from datetime import UTC, datetime

from django.db import transaction
from django.utils.translation import gettext

from billing.domain.invoice import Tax, Totals
from billing.domain.money import nanos
from billing.domain.postings import (
    AccountKind,
    TransactionKind,
    credit_note_issued,
)
from billing.errors import CreditNoteNotFoundError, NothingToIssueError
from billing.models.credit_notes import CreditNote, CreditNoteKind, CreditNoteTarget
from billing.models.document_mails import DocumentMail
from billing.models.issue_blocks import IssueBlock
from billing.models.payments import Payment
from billing.models.rating import BillingPeriod
from billing.services.credit.grant_credit import grant_credit
from billing.services.credit_notes.work_out_note import NoteSums, work_out_note
from billing.services.dunning.lift_restriction import lift_restriction
from billing.services.invoices.refuse_unreconciled import refuse_unreconciled
from billing.services.invoices.settle_invoice import settle_invoice
from billing.services.invoices.take_number import take_number
from billing.services.ledger.lock_tenant import lock_tenant
from billing.services.ledger.post_transaction import post_transaction
from billing.services.payments.read_refundable import read_refundable
from billing.services.payments.refund_payment import refund_payment
from billing.services.rating.rate_period import rate_period
from billing.services.webhooks.emit_event import emit_event
from tenants.domain.amounts import text_of_cents
from tenants.services.note_act import note_act


@transaction.atomic
def issue_credit_note(note_id: int, *, now: datetime) -> CreditNote:
    """The issued note; one that was issued before is returned as it is.

    What is still due of the invoice is lowered; what was paid becomes credit, or goes
    back as pending refunds. The month of an adjustment is rated first, so that it is
    never stale. Raises CreditNoteNotFoundError, NothingToIssueError (the difference is
    gone), UnreconciledError, and what `rate_period` raises.
    """
    note = _locked(note_id)
    if note.status == "issued":
        return note
    if note.kind == CreditNoteKind.ADJUSTMENT:
        note = _rated(note, now)
        refuse_unreconciled(
            note.tenant_id, note.invoice.period_start, note.invoice.period_end, now=now
        )
    sums = work_out_note(
        note.invoice,
        lines_cents=note.lines_cents,
        target=CreditNoteTarget(note.target),
    )
    refundable = read_refundable(note.invoice) if sums.split.refunded else []
    _finalise(note, sums, now)
    words = f"{note.number} of {text_of_cents(note.total_cents)}: {note.reason}"
    note_act("invoice.credited", tenant_id=note.tenant_id, about=note, words=words)
    _give_back(note, refundable, now)
    settle_invoice(note.invoice, now=now)
    lift_restriction(note.tenant_id, now=now)
    return note


def _locked(note_id: int) -> CreditNote:
    """The note as it is once nobody else works on the tenant's."""
    tenant_ids = CreditNote.objects.filter(pk=note_id).values_list("tenant_id")
    if found := tenant_ids.first():
        lock_tenant(found[0])
        notes = CreditNote.objects.select_related("invoice__legal_entity", "tenant")
        if note := notes.filter(pk=note_id).first():
            return note
    raise CreditNoteNotFoundError(
        gettext("There is no credit note %(note_id)s.") % {"note_id": note_id}
    )


def _rated(note: CreditNote, now: datetime) -> CreditNote:
    """As rating leaves it, which deletes a draft that has nothing to take back."""
    period = BillingPeriod.objects.get(
        tenant_id=note.tenant_id, starts_at=note.invoice.period_start
    )
    rate_period(period.pk, now=now)
    try:
        note.refresh_from_db()
    except CreditNote.DoesNotExist:
        raise NothingToIssueError(
            gettext("Nothing of it is billed too much now.")
        ) from None
    return note


def _finalise(note: CreditNote, sums: NoteSums, now: datetime) -> None:
    invoice = note.invoice
    note.tax_cents, note.total_cents = sums.tax, sums.total
    note.applied_cents = sums.split.applied
    note.credited_cents = sums.split.credited
    note.refunded_cents = sums.split.refunded
    note.status, note.issued_at = "issued", now
    assert invoice.legal_entity is not None  # noqa: S101  it is issued
    note.number = take_number(
        f"{invoice.legal_entity.number_prefix}-CN", year=now.astimezone(UTC).year
    )
    note.save()
    IssueBlock.objects.filter(credit_note=note).delete()
    DocumentMail.objects.create(
        tenant_id=note.tenant_id, credit_note=note, try_after=now
    )
    post_transaction(
        credit_note_issued(
            Totals(cents=note.lines_cents, nanos=note.total_nanos),
            Tax(cents=note.tax_cents, is_inclusive=invoice.is_tax_inclusive),
            is_adjustment=note.kind == CreditNoteKind.ADJUSTMENT,
        ),
        tenant_id=note.tenant_id,
        kind=TransactionKind.CREDIT_NOTE_ISSUED,
        reference=f"credit_note:{note.number}",
        booked_at=now,
    )
    emit_event(
        tenant_id=note.tenant_id,
        type="credit_note.issued",
        data={
            "credit_note": note.number,
            "invoice": invoice.number,
            "kind": note.kind,
            "reason": note.reason,
            "total_cents": note.total_cents,
            "currency": note.currency,
        },
        now=now,
    )


def _give_back(
    note: CreditNote, refundable: list[tuple[Payment, int]], now: datetime
) -> None:
    """What was paid already: as credit, or as refunds of payments."""
    if note.credited_cents:
        grant_credit(
            tenant=note.tenant,
            amount_nanos=nanos(note.credited_cents),
            reason=f"Credit note {note.number}",
            idempotency_key=f"credit-note-{note.pk}",
            now=now,
            behind=AccountKind.RECEIVABLE,
        )
    left = note.refunded_cents
    for payment, cents in refundable:
        if not left:
            break
        amount_cents = min(left, cents)
        left -= amount_cents
        refund_payment(
            payment.pk,
            amount_cents=amount_cents,
            reason=f"Credit note {note.number}",
            idempotency_key=f"credit-note-{note.pk}-{payment.pk}",
            credit_note=note,
            now=now,
        )
