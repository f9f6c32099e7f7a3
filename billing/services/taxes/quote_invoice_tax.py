"""Ask for the tax of an invoice before it is issued."""

from dataclasses import dataclass
from datetime import datetime

from billing.domain.taxes import TaxQuestion, TaxTreatment
from billing.models.invoices import Invoice
from billing.services.invoices.describe_parties import find_seller
from billing.services.taxes.find_tax_question import find_tax_question
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
    draft = Invoice.objects.filter(pk=invoice_id, status="draft").first()
    if draft is None:
        return None
    question = find_tax_question(
        draft.tenant_id,
        seller=find_seller(draft.tenant_id),
        period_end=min(until or draft.period_end, draft.period_end),
    )
    return TaxQuote(question=question, treatment=quote_tax(question))
