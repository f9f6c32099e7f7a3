"""Receipts: one as a page and a file, and all of an invoice as a file."""

from collections.abc import Iterator

import msgspec
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from billing.models.invoices import Invoice
from billing.services.receipts.read_receipts import stream_receipts
from billing.services.receipts.sign_receipt import sign_receipt
from billing.services.receipts.stream_receipts_of_invoice import (
    stream_receipts_of_invoice,
)
from billing.wire import SignedReceipt
from frontend.access import Access, tenant_page
from frontend.views.invoices import invoices_of
from metering.domain.receipts import canonical

_LINES = 500
"""In one piece of a file."""


@require_safe
@tenant_page
def receipt(request: HttpRequest, access: Access, sequence: int) -> HttpResponse:
    signed = _signed(access, sequence)
    said = msgspec.to_builtins(signed.receipt)
    charges = said.pop("charges")
    context = {
        "signed": signed,
        "facts": [(name, value) for name, value in said.items() if value is not None],
        "charges": charges.items(),
        "invoice": Invoice.objects.filter(
            tenant=access.tenant, number=signed.invoice
        ).first()
        if signed.invoice
        else None,
    }
    return render(request, "frontend/receipt.html", context)


@require_safe
@tenant_page
def receipt_json(_request: HttpRequest, access: Access, sequence: int) -> HttpResponse:
    content = msgspec.json.encode(_signed(access, sequence))
    name = f"receipt-{sequence}.json"
    return HttpResponse(
        msgspec.json.format(content, indent=2),
        content_type="application/json",
        headers={"content-disposition": f'attachment; filename="{name}"'},
    )


def _signed(access: Access, sequence: int) -> SignedReceipt:
    found = stream_receipts(
        access.tenant.pk, "r.sequence = %(sequence)s", {"sequence": sequence}
    )
    for one in list(found):
        return sign_receipt(one, now=timezone.now())
    raise Http404


@require_safe
@tenant_page
def invoice_receipts(
    _request: HttpRequest, access: Access, invoice_id: int
) -> StreamingHttpResponse:
    found = get_object_or_404(invoices_of(access), pk=invoice_id)
    if not found.merkle_root:
        raise Http404
    name = f"{found.number}-receipts.jsonl"
    return StreamingHttpResponse(
        _lines(found),
        content_type="application/jsonl",
        headers={"content-disposition": f'attachment; filename="{name}"'},
    )


def _lines(invoice: Invoice) -> Iterator[bytes]:
    piece: list[bytes] = []
    for one in stream_receipts_of_invoice(invoice):
        piece.append(canonical(one))
        if len(piece) == _LINES:
            yield b"\n".join(piece) + b"\n"
            piece = []
    if piece:
        yield b"\n".join(piece) + b"\n"
