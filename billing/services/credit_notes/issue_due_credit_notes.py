"""Issue the drafts of credit notes about months that are over."""

import logging
from datetime import datetime

from django.db import DatabaseError

from billing.domain.periods import month_of
from billing.errors import BillingError, NothingToIssueError
from billing.models.credit_notes import CreditNote, CreditNoteKind
from billing.services.credit_notes.issue_credit_note import issue_credit_note
from billing.services.invoices.issue_due_invoices import COLLECTION_GRACE
from billing.services.invoices.note_block import note_block

CREDIT_NOTES_MAX = 500
"""In one call."""

_logger = logging.getLogger(__name__)


def issue_due_credit_notes(*, now: datetime) -> list[CreditNote]:
    """The notes that this call issued, each in its own transaction, by the same grace
    as invoices: what is too much while the month runs may be used yet.
    """
    quiet_since = now - COLLECTION_GRACE
    due = CreditNote.objects.filter(
        kind=CreditNoteKind.ADJUSTMENT,
        status="draft",
        refreshed_at__lte=quiet_since,
        invoice__period_start__lt=month_of(quiet_since).start,
    ).order_by("refreshed_at", "pk")
    ids = list(due.values_list("pk", flat=True)[:CREDIT_NOTES_MAX])
    issued = [_issued_if_possible(note_id, now) for note_id in ids]
    return [note for note in issued if note]


def _issued_if_possible(note_id: int, now: datetime) -> CreditNote | None:
    try:
        return issue_credit_note(note_id, now=now)
    except NothingToIssueError:
        return None
    except (BillingError, DatabaseError) as error:
        _logger.exception("credit note %s is not issued", note_id)
        note_block(CreditNote.objects.filter(pk=note_id).first(), error, now=now)
        return None
