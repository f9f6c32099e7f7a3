"""What is left of invoice lines to be credited."""

from django.db.models import Q, QuerySet, Sum
from django.db.models.functions import Coalesce

from billing.domain.credit_notes import Creditable
from billing.models.invoices import LineItem


def read_creditable(
    lines: QuerySet[LineItem], *, with_drafts: bool = False
) -> list[Creditable]:
    """In their order: each line less what issued credit notes took from it, and with
    `with_drafts` less what drafts are about to take.
    """
    taking = Q(credited__isnull=False)
    if not with_drafts:
        taking = Q(credited__credit_note__status="issued")
    rows = lines.annotate(
        quantity_taken=Coalesce(Sum("credited__quantity", filter=taking), 0),
        amount_taken=Coalesce(Sum("credited__amount_nanos", filter=taking), 0),
        cents_taken=Coalesce(Sum("credited__amount_cents", filter=taking), 0),
    )
    return [
        Creditable(
            line_id=row.pk,
            quantity=row.quantity - row.quantity_taken,
            amount_nanos=row.amount_nanos - row.amount_taken,
            amount_cents=row.amount_cents - row.cents_taken,
        )
        for row in rows
    ]
