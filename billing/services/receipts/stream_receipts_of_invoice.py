"""All receipts of an invoice, for a file of them."""

from collections.abc import Iterator

from billing.models.invoices import Invoice
from billing.services.receipts.read_receipts import stream_receipts
from billing.services.receipts.receipt_condition import receipt_condition
from metering.domain.receipts import AnyReceipt


def stream_receipts_of_invoice(invoice: Invoice) -> Iterator[AnyReceipt]:
    """In the order of the Merkle tree, in flat memory. Raises ReceiptChangedError."""
    spans = [one.span for one in invoice.billed_receipts.all()]
    condition, values = receipt_condition(spans)
    yield from stream_receipts(invoice.tenant_id, condition, values)
