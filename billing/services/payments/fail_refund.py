"""A refund did not arrive: what was to go back becomes credit."""

from datetime import datetime

from billing.domain.event_types import EventType
from billing.domain.money import nanos
from billing.domain.payments import refund_failure_words
from billing.domain.postings import AccountKind, TransactionKind, refund_failed
from billing.models.credit import CreditGrant
from billing.models.document_mails import DocumentMail
from billing.models.payments import Refund, RefundStatus
from billing.services.credit.grant_credit import grant_credit
from billing.services.ledger.post_transaction import post_transaction
from billing.services.webhooks.emit_event import emit_event


def fail_refund(refund: Refund, *, failure_code: str, now: datetime) -> None:
    """Once for a refund; the caller holds the tenant's lock and has seen that it may
    fail. The bank may send back what had left already.

    The tenant can spend it at once; to pay it otherwise, staff withdraw the credit. The
    mails to tenant and staff, and the event, are written in the same transaction.
    """
    had_left = refund.status == RefundStatus.SUCCEEDED
    refund.status, refund.settled_at = RefundStatus.FAILED, now
    refund.failure_text = refund_failure_words(failure_code)
    refund.save()
    if had_left and refund.credit_note_id is not None:
        _book_return(refund, now)
    grant = _credit(refund, now)
    DocumentMail.objects.bulk_create(
        DocumentMail(
            tenant_id=refund.tenant_id, refund=refund, is_to_staff=staff, try_after=now
        )
        for staff in (False, True)
    )
    emit_event(
        tenant_id=refund.tenant_id,
        type=EventType.REFUND_FAILED,
        data={
            "refund_id": refund.pk,
            "payment_id": refund.payment_id,
            "credit_note": refund.credit_note.number if refund.credit_note else None,
            "amount_cents": refund.amount_cents,
            "currency": refund.payment.currency,
            "failure_code": failure_code,
            "failure_text": refund.failure_text,
            "credit_grant_id": grant.pk,
        },
        now=now,
    )


def _book_return(refund: Refund, now: datetime) -> None:
    """It came back: by the credit note we owe it again."""
    post_transaction(
        refund_failed(nanos(refund.amount_cents)),
        tenant_id=refund.tenant_id,
        kind=TransactionKind.REFUND_FAILED,
        reference=f"refund-failed:{refund.pk}",
        booked_at=now,
    )


def _credit(refund: Refund, now: datetime) -> CreditGrant:
    """What a credit note made us owe is owed as credit; credit that was withdrawn for
    the refund is granted again.
    """
    note = refund.credit_note
    return grant_credit(
        tenant=refund.tenant,
        amount_nanos=nanos(refund.amount_cents),
        reason=f"Refund of {note.number} came back" if note else "Refund came back",
        idempotency_key=f"refund-failed-{refund.pk}",
        now=now,
        behind=AccountKind.RECEIVABLE if note else None,
    )
