"""Invoices and credit notes as files: PDF with the e-invoice inside, CSV, JSON."""

from collections.abc import Iterable, Iterator

import msgspec
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.views.decorators.http import require_safe

from billing.documents.pdf import credit_note_pdf as drawn_credit_note
from billing.documents.pdf import invoice_pdf as drawn_invoice
from billing.domain.money import amount_of_cents, exact_amount
from billing.models.credit_notes import CreditNote
from billing.models.invoices import Invoice
from billing.services.credit_notes.describe_credit_note import describe_credit_note
from billing.services.invoices.describe_invoice import describe_invoice
from billing.services.receipts.sign_invoice import sign_invoice
from billing.wire import CreditNoteDocument, InvoiceDocument, InvoiceLine
from frontend.access import Access, operator_page, tenant_page
from frontend.csv_file import csv_lines
from frontend.invoices.views.invoices import credit_notes_of, invoices_of

_CSV_HEAD = (
    "kind",
    "description",
    "model",
    "meter",
    "quantity",
    "included_quantity",
    "rate_per_million",
    "gross_exact",
    "discount_exact",
    "amount_exact",
    "amount",
    "currency",
)


@require_safe
@tenant_page
def invoice_csv(
    _request: HttpRequest, access: Access, invoice_id: int
) -> StreamingHttpResponse:
    found = get_object_or_404(invoices_of(access), pk=invoice_id)
    lines = describe_invoice(found).lines
    return StreamingHttpResponse(
        csv_lines(_CSV_HEAD, _csv_rows(lines, found.currency)),
        content_type="text/csv; charset=utf-8",
        headers=_as_file(f"{_stem(found)}.csv"),
    )


def _csv_rows(
    lines: Iterable[InvoiceLine], currency: str
) -> Iterator[tuple[object, ...]]:
    for line in lines:
        rate = line.rate_nanos_per_million
        yield (
            line.kind,
            line.description,
            line.model or "",
            line.meter or "",
            line.quantity,
            line.included_quantity,
            "" if rate is None else exact_amount(rate),
            exact_amount(line.gross_nanos),
            exact_amount(line.discount_nanos),
            exact_amount(line.amount_nanos),
            amount_of_cents(line.amount_cents),
            currency,
        )


@require_safe
@tenant_page
def invoice_json(
    _request: HttpRequest, access: Access, invoice_id: int
) -> HttpResponse:
    found = get_object_or_404(invoices_of(access), pk=invoice_id)
    return _json(sign_invoice(found, now=timezone.now()), _stem(found))


@require_safe
@tenant_page
def invoice_pdf(_request: HttpRequest, access: Access, invoice_id: int) -> HttpResponse:
    return _invoice_pdf(get_object_or_404(invoices_of(access), pk=invoice_id))


@require_safe
@operator_page
def operator_invoice_pdf(_request: HttpRequest, invoice_id: int) -> HttpResponse:
    rows = Invoice.objects.select_related("tenant")
    return _invoice_pdf(get_object_or_404(rows, pk=invoice_id))


@require_safe
@tenant_page
def credit_note_pdf(
    _request: HttpRequest, access: Access, note_id: int
) -> HttpResponse:
    found = get_object_or_404(credit_notes_of(access), pk=note_id)
    return _pdf(drawn_credit_note(describe_credit_note(found)), _stem_of_note(found))


@require_safe
@tenant_page
def credit_note_json(
    _request: HttpRequest, access: Access, note_id: int
) -> HttpResponse:
    found = get_object_or_404(credit_notes_of(access), pk=note_id)
    return _json(describe_credit_note(found), _stem_of_note(found))


def _invoice_pdf(found: Invoice) -> HttpResponse:
    return _pdf(drawn_invoice(describe_invoice(found)), _stem(found))


def _pdf(content: bytes, stem: str) -> HttpResponse:
    headers = _as_file(f"{stem}.pdf")
    return HttpResponse(content, content_type="application/pdf", headers=headers)


def _json(document: InvoiceDocument | CreditNoteDocument, stem: str) -> HttpResponse:
    content = msgspec.json.format(msgspec.json.encode(document), indent=2)
    headers = _as_file(f"{stem}.json")
    return HttpResponse(content, content_type="application/json", headers=headers)


def _as_file(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}"'}


def _stem(found: Invoice) -> str:
    return found.number or f"tokenfab-draft-{found.period_start:%Y-%m}"


def _stem_of_note(found: CreditNote) -> str:
    return found.number or f"tokenfab-credit-note-{found.pk}"
