"""Give the tax on what a gift pays for: nobody owes anything for a gift."""

from collections.abc import Sequence
from datetime import datetime

from billing.domain.credit import CreditKind, Share
from billing.domain.credit_tax import tax_borne_cents
from billing.domain.money import NANOS_PER_CENT, nanos
from billing.models.credit import CreditGrant
from billing.models.invoices import Invoice
from billing.services.credit.grant_credit import grant_credit


def bear_tax_of_gifts(
    invoice: Invoice, shares: Sequence[Share], *, now: datetime
) -> Share | None:
    """A further gift, to be drawn by the invoice with the `shares`; None: they leave no
    such tax. It is whole cents, and the invoice is as it will be issued.

    The tax stays on the invoice and is owed to the state. The caller holds the tenant's
    lock.
    """
    if invoice.is_tax_inclusive or not invoice.tax_cents or not shares:
        return None
    gifts = CreditGrant.objects.filter(
        pk__in=[share.grant_id for share in shares], kind=CreditKind.PROMOTIONAL
    )
    gift_ids = set(gifts.values_list("pk", flat=True))
    of_gifts = sum(one.amount_nanos for one in shares if one.grant_id in gift_ids)
    borne = nanos(
        tax_borne_cents(
            gift_cents=of_gifts // NANOS_PER_CENT,
            lines_cents=invoice.lines_cents,
            tax_cents=invoice.tax_cents,
        )
    )
    if not borne:
        return None
    grant = grant_credit(
        tenant=invoice.tenant,
        amount_nanos=borne,
        reason="Tax on what gifts pay for",
        idempotency_key=f"tax-of-gifts-{invoice.pk}",
        now=now,
        kind=CreditKind.PROMOTIONAL,
        priority=0,
    )
    return Share(grant.pk, borne)
