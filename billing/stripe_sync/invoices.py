"""Our issued invoices as Stripe shows them: copies, whose totals are ours.

Stripe computes nothing, sends nothing and collects nothing of them (`auto_advance` is
false): payments are attached to them, so that both books name the same things.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import stripe

from billing.errors import ProviderRefusedError
from billing.models.invoices import Invoice
from billing.models.provider import StripeInvoice
from billing.stripe_sync.client import asking_stripe, open_client
from billing.stripe_sync.convert import INVOICE, TENANT, intents_of_invoice
from billing.stripe_sync.objects import Plain, plain, plain_first

LINES_AT_ONCE = 100
_COPIES_LOOKED_AT = 100
_OPEN = "open"


@dataclass(frozen=True, kw_only=True)
class CopiedLine:
    description: str
    amount_cents: int
    """Below zero: it was paid already, by credit or otherwise."""


def push_invoice(
    invoice: Invoice, lines: Sequence[CopiedLine], *, customer_id: str
) -> StripeInvoice:
    """The finalised copy, made once. Goes on where an earlier try ended. Raises what
    `asking_stripe` raises, and ProviderRefusedError when Stripe's total is not ours.
    """
    known = StripeInvoice.objects.filter(invoice=invoice).first()
    if known is not None:
        return known
    with asking_stripe():
        found = _find(invoice, customer_id) or _create(invoice, customer_id)
        if found["status"] == "draft":
            found = _fill(found, lines, invoice)
    known, _ = StripeInvoice.objects.get_or_create(
        invoice=invoice,
        defaults={"tenant_id": invoice.tenant_id, "stripe_id": found["id"]},
    )
    return known


def _find(invoice: Invoice, customer_id: str) -> Plain | None:
    """A copy whose making was cut short."""
    copies = open_client().v1.invoices.list(
        {"customer": customer_id, "limit": _COPIES_LOOKED_AT}
    )
    for copy in plain_first(copies.data, _COPIES_LOOKED_AT):
        is_ours = (copy["metadata"] or {}).get(INVOICE) == str(invoice.pk)
        if is_ours and copy["status"] != "void":
            return copy
    return None


def _create(invoice: Invoice, customer_id: str) -> Plain:
    made = open_client().v1.invoices.create(
        {
            "customer": customer_id,
            "currency": invoice.currency.lower(),
            "auto_advance": False,
            "collection_method": "charge_automatically",
            "pending_invoice_items_behavior": "exclude",
            "description": f"Invoice {invoice.number}",
            "metadata": {INVOICE: str(invoice.pk), TENANT: str(invoice.tenant_id)},
        },
        {"idempotency_key": f"invoice-{invoice.pk}-{invoice.number}"},
    )
    return plain(made)


def _fill(found: Plain, lines: Sequence[CopiedLine], invoice: Invoice) -> Plain:
    v1 = open_client().v1
    pages = v1.invoices.line_items.list(found["id"], {"limit": LINES_AT_ONCE})
    present = sum(1 for _ in pages.auto_paging_iter())
    for begin in range(present, len(lines), LINES_AT_ONCE):
        part = lines[begin : begin + LINES_AT_ONCE]
        key = f"invoice-{invoice.pk}-{invoice.number}-from-{begin}"
        found = plain(
            v1.invoices.add_lines(
                found["id"], {"lines": _sent(part)}, {"idempotency_key": key}
            )
        )
    total = sum(line.amount_cents for line in lines)
    if found["total"] != total:
        raise ProviderRefusedError(
            f"The copy {found['id']} comes to {found['total']} cents, not {total}."
        )
    return plain(v1.invoices.finalize_invoice(found["id"], {"auto_advance": False}))


def _sent(
    lines: Sequence[CopiedLine],
) -> list[stripe.params.InvoiceAddLinesParamsLine]:
    return [
        {
            "description": line.description,
            "amount": line.amount_cents,
            "discountable": False,
        }
        for line in lines
    ]


def attach_payment(copy: StripeInvoice, intent_id: str) -> None:
    """Credits the copy with what was paid, or with nothing if it was told before."""
    with asking_stripe():
        found = _read(copy)
        if found["status"] == _OPEN and intent_id not in intents_of_invoice(found):
            open_client().v1.invoices.attach_payment(
                copy.stripe_id, {"payment_intent": intent_id}
            )


def close_copy(copy: StripeInvoice, *, status: str) -> None:
    """Tells Stripe what became of ours: `paid`, `void` or `uncollectible`."""
    invoices = open_client().v1.invoices
    with asking_stripe():
        if _read(copy)["status"] != _OPEN:
            return
        if status == "paid":
            invoices.pay(copy.stripe_id, {"paid_out_of_band": True})
        elif status == "void":
            invoices.void_invoice(copy.stripe_id)
        else:
            invoices.mark_uncollectible(copy.stripe_id)


def _read(copy: StripeInvoice) -> Plain:
    return plain(
        open_client().v1.invoices.retrieve(copy.stripe_id, {"expand": ["payments"]})
    )
