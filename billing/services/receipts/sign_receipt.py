"""One receipt with our signature, and the proof of which invoice bills it."""

from datetime import datetime

from django.db import connection

from billing.models.invoices import Invoice
from billing.models.receipts import BilledReceipts, ReceiptBlock
from billing.services.invoices.read_billed import BILLING
from billing.services.receipts.receipt_condition import receipt_condition
from billing.wire import ReceiptProof, SignedReceipt
from metering.domain.merkle import BLOCK, inclusion_proof
from metering.domain.receipts import AnyReceipt, canonical, receipt_hash
from metering.domain.signed_texts import receipt_text
from metering.services.receipt_keys import load_signer

_HASHES = """
    SELECT r.sequence, r.hash FROM receipt r
    WHERE r.tenant_id = %(tenant_id)s
        AND r.sequence >= %(first)s AND r.sequence < %(end)s AND {spans}
    ORDER BY r.sequence
"""


def sign_receipt(receipt: AnyReceipt, *, now: datetime) -> SignedReceipt:
    signer = load_signer(now=now)
    leaf = receipt_hash(canonical(receipt))
    invoice = find_invoice_of(receipt)
    return SignedReceipt(
        receipt=receipt,
        hash=leaf.hex(),
        key_id=signer.key_id,
        signature=signer.sign(receipt_text(leaf)).hex(),
        invoice=invoice.number if invoice else None,
        proof=_proof(receipt, invoice) if invoice else None,
    )


def find_invoice_of(receipt: AnyReceipt) -> Invoice | None:
    """The issued invoice that bills it; one that was voided does not."""
    rows = BilledReceipts.objects.filter(
        tenant_id=receipt.tenant_id,
        starts_at__lte=receipt.happened_at,
        ends_at__gt=receipt.happened_at,
        after_sequence__lt=receipt.sequence,
        last_sequence__gte=receipt.sequence,
        invoice__status__in=BILLING,
    ).select_related("invoice")
    found = rows.first()
    return found.invoice if found else None


def _proof(receipt: AnyReceipt, invoice: Invoice) -> ReceiptProof:
    """Reads one block of receipts, and one node for each of the others."""
    blocks = list(ReceiptBlock.objects.filter(invoice=invoice).order_by("position"))
    block = [one for one in blocks if one.first_sequence <= receipt.sequence][-1]
    later = blocks[block.position + 1 :]
    end = later[0].first_sequence if later else (invoice.receipt_to or 0) + 1
    hashes = _hashes(invoice, block, end)
    index = [sequence for sequence, _ in hashes].index(receipt.sequence)
    inside = inclusion_proof([one for _, one in hashes], index)
    above = inclusion_proof([bytes(one.root) for one in blocks], block.position)
    return ReceiptProof(
        index=block.position * BLOCK + index,
        size=invoice.receipt_count,
        hashes=[one.hex() for one in (*inside, *above)],
    )


def _hashes(invoice: Invoice, block: ReceiptBlock, end: int) -> list[tuple[int, bytes]]:
    """Up to the sequence `end`, exclusive, with which the next block begins."""
    spans = [one.span for one in invoice.billed_receipts.all()]
    condition, values = receipt_condition(spans)
    values |= {
        "tenant_id": invoice.tenant_id,
        "first": block.first_sequence,
        "end": end,
    }
    with connection.cursor() as cursor:
        cursor.execute(_HASHES.format(spans=condition), values)
        return [(sequence, bytes(one)) for sequence, one in cursor.fetchall()]
