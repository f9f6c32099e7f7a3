"""An operator takes a difference as it is, in writing."""

from datetime import datetime

from django.db import transaction

from metering.audit_models import ReconciliationStatement, StatementAcceptance
from metering.domain.reconciliation import Status
from tenants.models import User

REASON_CHARACTERS_MIN = 10


class NotAcceptableError(Exception):
    """The message says why the statement cannot be accepted."""


@transaction.atomic
def accept_statement(
    statement_id: int, *, reason: str, accepted_by: User, now: datetime
) -> StatementAcceptance:
    """Lets invoices of that day be issued; a repeat returns the first acceptance.

    It holds for this version: another difference must be accepted anew. Raises
    NotAcceptableError.
    """
    statement = (
        ReconciliationStatement.objects.select_for_update().filter(pk=statement_id)
    ).first()
    if statement is None:
        raise NotAcceptableError(f"There is no statement {statement_id}.")
    if statement.status != Status.DRIFTED:
        raise NotAcceptableError("Only a statement that drifted needs acceptance.")
    if len(reason.strip()) < REASON_CHARACTERS_MIN:
        raise NotAcceptableError("Write the reason in a sentence.")
    acceptance, _ = StatementAcceptance.objects.get_or_create(
        statement=statement,
        defaults={
            "reason": reason.strip(),
            "accepted_by": accepted_by,
            "accepted_at": now,
        },
    )
    return acceptance
