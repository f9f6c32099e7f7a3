"""Receipts: one as a page and a file, and all of an invoice as a file."""

from collections.abc import Iterator

import msgspec
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from billing.encoding import MEDIA_TYPES, FileFormat, write_table
from billing.models.invoices import Invoice
from billing.services.receipts.read_receipts import read_receipt
from billing.services.receipts.sign_receipt import sign_receipt
from billing.services.receipts.write_receipts import receipt_lines, receipt_table
from billing.wire import SignedReceipt
from frontend.access import Access, tenant_page
from frontend.invoices.views.invoices import invoices_of


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
        "currency": signed.receipt.currency,
        "invoice": Invoice.objects.filter(
            tenant=access.tenant, number=signed.invoice
        ).first()
        if signed.invoice
        else None,
    }
    return render(request, "frontend/invoices/receipt.html", context)


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
    found = read_receipt(access.tenant.pk, sequence)
    if found is None:
        raise Http404
    return sign_receipt(found, now=timezone.now())


@require_safe
@tenant_page
def invoice_receipts(
    _request: HttpRequest, access: Access, invoice_id: int
) -> StreamingHttpResponse:
    found = get_object_or_404(invoices_of(access), pk=invoice_id)
    if not found.merkle_root:
        raise Http404
    return _file(receipt_lines(found), found, FileFormat.JSONL)


@require_safe
@tenant_page
def invoice_receipts_csv(
    _request: HttpRequest, access: Access, invoice_id: int
) -> StreamingHttpResponse:
    found = get_object_or_404(invoices_of(access), pk=invoice_id)
    if not found.merkle_root:
        raise Http404
    content = write_table(receipt_table(found), FileFormat.CSV)
    return _file(content, found, FileFormat.CSV)


def _file(
    content: Iterator[bytes], invoice: Invoice, file_format: FileFormat
) -> StreamingHttpResponse:
    name = f"{invoice.number}-receipts.{file_format}"
    return StreamingHttpResponse(
        content,
        content_type=MEDIA_TYPES[file_format],
        headers={"content-disposition": f'attachment; filename="{name}"'},
    )
