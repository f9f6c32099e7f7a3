"""`/api/v1/invoices`: what is owed, and each line of it."""

import enum
from datetime import datetime

import msgspec
from django.http import Http404
from django.http.response import HttpResponseBase
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api.v1.document import documented
from billing.api.v1.files import file_answer
from billing.api.v1.pages import Page, PageQuery, newest_first
from billing.api.v1.view import ApiView
from billing.domain.invoice import InvoiceStatus
from billing.encoding import MEDIA_TYPES, FileFormat, write_table
from billing.models.invoices import Invoice
from billing.services.receipts.sign_invoice import sign_invoice
from billing.services.receipts.write_receipts import receipt_lines, receipt_table
from billing.wire import InvoiceDocument


class InvoiceListed(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    number: str | None
    """Null: a draft."""
    status: InvoiceStatus
    currency: str
    period_start: datetime
    period_end: datetime
    """Exclusive."""
    issued_at: datetime | None
    total_cents: int


class InvoiceQuery(PageQuery, kw_only=True, forbid_unknown_fields=True):
    status: InvoiceStatus | None = None


class ReceiptsFormat(enum.StrEnum):
    JSONL = FileFormat.JSONL.value
    CSV = FileFormat.CSV.value


class ReceiptsQuery(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    format: ReceiptsFormat = ReceiptsFormat.JSONL


class Invoices(ApiView):
    @documented(
        name="list_invoices",
        summary="List invoices, the newest first; the draft of the running month too",
        tag="invoices",
        query=InvoiceQuery,
        answer=Page[InvoiceListed],
    )
    def get(self, request: Request) -> Response:
        del request
        query = self.read_query(InvoiceQuery)
        rows = Invoice.objects.filter(tenant=self.tenant)
        if query.status is not None:
            rows = rows.filter(status=query.status)
        return Response(newest_first(rows, query, list_invoice))


class OneInvoice(ApiView):
    @documented(
        name="show_invoice",
        summary="Show an invoice with its lines; one that is issued is signed, and"
        " says what its receipts are checked by",
        tag="invoices",
        answer=InvoiceDocument,
    )
    def get(self, request: Request, invoice_id: int) -> Response:
        del request
        found = find_invoice(self, invoice_id)
        return Response(sign_invoice(found, now=timezone.now()))


class InvoiceReceiptsFile(ApiView):
    """Streamed: an invoice may bill millions of calls."""

    @documented(
        name="export_receipts",
        summary="The receipts of an issued invoice: as JSON lines they are verified, as"
        " CSV read",
        tag="invoices",
        query=ReceiptsQuery,
        answer=None,
        files=[MEDIA_TYPES[FileFormat(one)] for one in ReceiptsFormat],
    )
    def get(self, request: Request, invoice_id: int) -> HttpResponseBase:
        del request
        query, found = self.read_query(ReceiptsQuery), find_invoice(self, invoice_id)
        if not found.merkle_root:
            raise Http404
        if query.format is ReceiptsFormat.JSONL:
            content = receipt_lines(found)
        else:
            content = write_table(receipt_table(found), FileFormat.CSV)
        name = f"{found.number}-receipts"
        return file_answer(content, FileFormat(query.format), name=name)


def find_invoice(view: ApiView, invoice_id: int) -> Invoice:
    """Raises Http404."""
    rows = Invoice.objects.select_related("tenant").filter(tenant=view.tenant)
    if invoice := rows.filter(pk=invoice_id).first():
        return invoice
    raise Http404


def list_invoice(invoice: Invoice) -> InvoiceListed:
    return InvoiceListed(
        id=invoice.pk,
        number=invoice.number,
        status=InvoiceStatus(invoice.status),
        currency=invoice.currency,
        period_start=invoice.period_start,
        period_end=invoice.period_end,
        issued_at=invoice.issued_at,
        total_cents=invoice.total_cents,
    )
