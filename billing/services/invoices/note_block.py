"""Keep why a draft that is due is not issued."""

from datetime import datetime

from billing.errors import BillingError
from billing.models.credit_notes import CreditNote
from billing.models.invoices import Invoice
from billing.models.issue_blocks import IssueBlock

_NOT_OURS = "database_error"


def note_block(
    draft: Invoice | CreditNote | None, error: Exception, *, now: datetime
) -> None:
    """Since when stays as it is while the reason changes. Nothing is kept of a draft
    that is gone (None): there is nothing to issue any more.
    """
    if draft is None:
        return
    name = "invoice" if isinstance(draft, Invoice) else "credit_note"
    code = error.code if isinstance(error, BillingError) else _NOT_OURS
    said = {"code": code, "reason": str(error) or code}
    IssueBlock.objects.update_or_create(
        tenant_id=draft.tenant_id,
        **{name: draft},
        defaults=said,
        create_defaults={**said, "since": now},
    )
