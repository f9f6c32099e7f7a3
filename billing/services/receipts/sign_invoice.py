"""An issued invoice's document, with what its receipts are checked by, and signed."""

from collections import Counter
from datetime import datetime

import msgspec
from django.db.models import Sum

from billing.domain.charges import ChargeKind, usage_key
from billing.domain.invoice import InvoiceStatus
from billing.domain.invoice_digest import invoice_digest
from billing.domain.receipt_spans import unbilled_spans
from billing.models.invoices import Invoice
from billing.models.prices import PriceVersion
from billing.models.receipts import BilledHour
from billing.services.invoices.describe_invoice import describe_invoice
from billing.wire import InvoiceDocument, InvoiceReceipts, LinePrice
from metering.domain.signed_texts import invoice_text
from metering.services.receipt_keys import load_signer


def sign_invoice(invoice: Invoice, *, now: datetime) -> InvoiceDocument:
    """A draft, or an invoice from before there were receipts, is described as it is."""
    document = describe_invoice(invoice)
    if invoice.status == InvoiceStatus.DRAFT or not invoice.merkle_root:
        return document
    signer = load_signer(now=now)
    receipts = InvoiceReceipts(
        merkle_root=invoice.merkle_root,
        count=invoice.receipt_count,
        first_sequence=invoice.receipt_from,
        last_sequence=invoice.receipt_to,
        prices=_prices(invoice),
        key_id=signer.key_id,
        signature="",
    )
    document = msgspec.structs.replace(document, receipts=receipts)
    signature = signer.sign(invoice_text(invoice_digest(msgspec.to_builtins(document))))
    return msgspec.structs.replace(
        document,
        receipts=msgspec.structs.replace(receipts, signature=signature.hex()),
    )


def _prices(invoice: Invoice) -> list[LinePrice]:
    lines = list(invoice.lines.filter(kind=ChargeKind.USAGE).in_order())
    versions = PriceVersion.objects.select_related("served_model")
    found = versions.in_bulk({line.price_version_id for line in lines})
    earlier = earlier_quantities(invoice)
    prices = []
    for line in lines:
        if line.price_version_id in found:
            price = found[line.price_version_id].price
            if pricing := price.pricing_of(line.meter):
                prices.append(
                    LinePrice(
                        key=line.key,
                        pricing=pricing,
                        earlier_quantity=earlier[line.key],
                    )
                )
    return prices


def earlier_quantities(invoice: Invoice) -> Counter[str]:
    """By key, what the month's invoices billed that counted when this one was issued:
    those that share no receipt with it. One that was void by then was billed anew.
    """
    others = Invoice.objects.filter(
        tenant_id=invoice.tenant_id,
        period_start=invoice.period_start,
        issued_at__lte=invoice.issued_at,
        pk__lt=invoice.pk,
    ).prefetch_related("billed_receipts")
    mine = [one.span for one in invoice.billed_receipts.all()]
    counted = [
        other.pk
        for other in others
        if all(
            unbilled_spans(span, [one.span for one in other.billed_receipts.all()])
            == [span]
            for span in mine
        )
    ]
    hours = BilledHour.objects.filter(invoice__in=counted)
    sums = hours.values_list("price_version_id", "meter").annotate(
        total=Sum("quantity")
    )
    return Counter(
        {usage_key(version_id, meter): total for version_id, meter, total in sums}
    )
