"""Let go of a part of an issued invoice, or of all that is left of it."""

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext

from billing.domain.credit_notes import (
    Creditable,
    Taken,
    share_cents,
    take_cents,
)
from billing.errors import IdempotencyKeyReusedError, NotCreditableError
from billing.models.credit_notes import CreditNote, CreditNoteKind, CreditNoteTarget
from billing.models.invoices import Invoice
from billing.models.rating import BillingPeriod
from billing.services.credit_notes.issue_credit_note import issue_credit_note
from billing.services.credit_notes.read_creditable import read_creditable
from billing.services.credit_notes.write_credit_lines import write_credit_lines
from billing.services.invoices.lock_invoice import lock_invoice
from billing.services.invoices.read_billed import BILLING
from billing.services.rating.rate_period import rate_period

REASON_CHARACTERS_MAX = 300
IDEMPOTENCY_KEY_CHARACTERS_MAX = 100


@transaction.atomic
def credit_invoice(
    invoice_id: int,
    *,
    reason: str,
    target: CreditNoteTarget,
    idempotency_key: str,
    now: datetime,
    cents: int | Mapping[int, int] | None = None,
) -> CreditNote:
    """The issued note for goodwill, once for its key. The usage stays billed.

    `cents` is what is taken off the lines (tax, where it is not in them, follows): an
    amount that is shared by them, an amount for each line id, or None for all that is
    left. Raises InvoiceNotFoundError, NotCreditableError, IdempotencyKeyReusedError
    when the key names another note, and what `rate_period` raises.
    """
    if not reason or not idempotency_key:
        raise NotCreditableError(gettext("A credit note needs a reason and a key."))
    invoice = lock_invoice(invoice_id)
    found = CreditNote.objects.filter(
        tenant_id=invoice.tenant_id, idempotency_key=idempotency_key
    ).first()
    if found:
        return _same(found, invoice, reason, target, cents)
    # What is to be taken back for other reasons is not to be let go besides.
    _rate(invoice, now)
    note = CreditNote.objects.create(
        tenant_id=invoice.tenant_id,
        currency=invoice.currency,
        invoice=invoice,
        kind=CreditNoteKind.GOODWILL,
        target=target,
        reason=reason[:REASON_CHARACTERS_MAX],
        idempotency_key=idempotency_key,
        refreshed_at=now,
    )
    write_credit_lines(note, plan_credit(invoice, cents), now=now)
    return issue_credit_note(note.pk, now=now)


def plan_credit(invoice: Invoice, cents: int | Mapping[int, int] | None) -> list[Taken]:
    """What is taken from which line. Raises NotCreditableError."""
    if invoice.status not in BILLING:
        raise NotCreditableError(
            gettext("A %(status)s invoice cannot be credited.")
            % {"status": invoice.status}
        )
    lines = read_creditable(invoice.lines.order_by("pk"), with_drafts=True)
    left_cents = sum(line.amount_cents for line in lines)
    if cents is None:
        parts = share_cents(lines, left_cents)
    elif isinstance(cents, int):
        _refuse_unless(0 < cents <= left_cents, left_cents)
        parts = share_cents(lines, cents)
    else:
        parts = _of_lines(lines, cents)
    if not sum(part.amount_cents for part in parts):
        raise NotCreditableError(gettext("Nothing is left of the invoice."))
    return parts


def _of_lines(lines: list[Creditable], cents: Mapping[int, int]) -> list[Taken]:
    by_id = {line.line_id: line for line in lines}
    parts = []
    for line_id, amount_cents in cents.items():
        if line_id not in by_id:
            raise NotCreditableError(
                gettext("The invoice has no line %(line_id)s.") % {"line_id": line_id}
            )
        left_cents = by_id[line_id].amount_cents
        _refuse_unless(0 <= amount_cents <= left_cents, left_cents)
        if amount_cents:
            parts.append(take_cents(by_id[line_id], amount_cents))
    return parts


def _refuse_unless(is_right: bool, left_cents: int) -> None:
    if not is_right:
        raise NotCreditableError(
            gettext("From nothing up to %(left_cents)s cents are left.")
            % {"left_cents": left_cents}
        )


def _rate(invoice: Invoice, now: datetime) -> None:
    period = BillingPeriod.objects.get(
        tenant_id=invoice.tenant_id, starts_at=invoice.period_start
    )
    rate_period(period.pk, now=now)


def _same(
    note: CreditNote,
    invoice: Invoice,
    reason: str,
    target: CreditNoteTarget,
    cents: int | Mapping[int, int] | None,
) -> CreditNote:
    amount_cents = sum(cents.values()) if isinstance(cents, Mapping) else cents
    if (note.invoice_id, note.reason, note.target) != (
        invoice.pk,
        reason[:REASON_CHARACTERS_MAX],
        target,
    ) or amount_cents not in (None, note.lines_cents):
        raise IdempotencyKeyReusedError(gettext("The key names another credit note."))
    return note
