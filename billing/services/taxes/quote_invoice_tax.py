"""Ask for the tax of an invoice before it is issued."""

from dataclasses import dataclass
from datetime import datetime

from billing.domain.taxes import TaxQuestion, TaxTreatment
from billing.models.invoices import Invoice
from billing.services.invoices.read_parties import read_parties
from billing.services.taxes.quote_tax import quote_tax


@dataclass(frozen=True, kw_only=True)
class TaxQuote:
    question: TaxQuestion
    """What was asked: whoever uses the answer checks that it still stands."""
    treatment: TaxTreatment


def quote_invoice_tax(
    invoice_id: int, *, until: datetime | None = None
) -> TaxQuote | None:
    """None: it is no draft. Raises what `quote_tax` raises."""
    drafts = Invoice.objects.filter(pk=invoice_id, status="draft")
    draft = drafts.select_related("tenant").first()
    if draft is None:
        return None
    question = read_parties(draft.tenant).tax_question(
        period_end=min(until or draft.period_end, draft.period_end)
    )
    return TaxQuote(question=question, treatment=quote_tax(question))
