"""Keep the drafts of credit notes equal to what invoices bill too much."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from billing.domain.credit_notes import Taken, take
from billing.domain.invoice import Overbilled
from billing.models.credit_notes import CreditNote, CreditNoteKind
from billing.models.invoices import LineItem
from billing.models.rating import BillingPeriod
from billing.services.credit_notes.cover_by_goodwill import cover_by_goodwill
from billing.services.credit_notes.read_creditable import read_creditable
from billing.services.credit_notes.write_credit_lines import write_credit_lines
from billing.services.invoices.read_billed import BILLING
from billing.services.ledger.currency_of import currency_of

REASON = "The month comes to less than was billed."


def draft_adjustments(
    period: BillingPeriod, excess: Iterable[Overbilled], *, now: datetime
) -> None:
    """One draft for each invoice that is to be lowered, the latest first; none where
    none is.

    Where goodwill left less of a line than is too much, they take what is left of it:
    the rest was given already (`cover_by_goodwill`). The caller holds the tenant's
    lock.
    """
    wanted: dict[int, list[Taken]] = defaultdict(list)
    covered_nanos = 0
    for one in excess:
        found = _taken(period, one)
        covered_nanos += one.amount_nanos - sum(part.amount_nanos for _, part in found)
        for invoice_id, taken in found:
            wanted[invoice_id].append(taken)
    cover_by_goodwill(period, covered_nanos, now=now)
    drafts = CreditNote.objects.filter(
        tenant_id=period.tenant_id,
        invoice__period_start=period.starts_at,
        kind=CreditNoteKind.ADJUSTMENT,
        status="draft",
    )
    drafts.exclude(invoice_id__in=wanted).delete()
    for invoice_id, parts in wanted.items():
        note, _ = CreditNote.objects.get_or_create(
            tenant_id=period.tenant_id,
            invoice_id=invoice_id,
            kind=CreditNoteKind.ADJUSTMENT,
            status="draft",
            defaults={
                "reason": REASON,
                "refreshed_at": now,
                "currency": currency_of(period.tenant_id),
            },
        )
        write_credit_lines(note, parts, now=now)


def _taken(period: BillingPeriod, one: Overbilled) -> list[tuple[int, Taken]]:
    """(invoice, what is taken from its line)"""
    lines = LineItem.objects.filter(
        tenant_id=period.tenant_id,
        invoice__period_start=period.starts_at,
        invoice__status__in=BILLING,
        key=one.key,
    ).order_by("-invoice_id")
    invoices = dict(lines.values_list("pk", "invoice_id"))
    taken = take(
        read_creditable(lines),
        quantity=one.quantity,
        amount_nanos=one.amount_nanos,
    )
    return [(invoices[part.line_id], part) for part in taken]
