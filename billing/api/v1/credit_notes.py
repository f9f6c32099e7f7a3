"""`/api/v1/credit_notes`: what was let go of issued invoices, as staff do."""

import enum
from datetime import datetime
from typing import Annotated

import msgspec
from django.db.models import QuerySet
from django.http import Http404
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api.v1.document import documented
from billing.api.v1.invoices import find_invoice
from billing.api.v1.pages import Page, PageQuery, newest_first
from billing.api.v1.refusals import RefusedError
from billing.api.v1.texts import FilledText
from billing.api.v1.view import ApiView, repeatable
from billing.models.credit_notes import CreditNote, CreditNoteTarget
from billing.models.invoices import Invoice
from billing.services.credit_notes.credit_invoice import credit_invoice
from billing.services.credit_notes.describe_credit_note import describe_credit_note
from billing.services.credit_notes.read_creditable import read_creditable
from billing.wire import CreditNoteDocument


class CreditNoteListed(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    number: str
    kind: str
    reason: str
    invoice_id: int
    issued_at: datetime
    total_cents: int
    currency: str


class PaidGoesTo(enum.StrEnum):
    CREDIT = CreditNoteTarget.CREDIT.value
    PAYMENT = CreditNoteTarget.PAYMENT.value


class CreditNoteBody(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    reason: FilledText
    cents: Annotated[int, msgspec.Meta(ge=1, le=10**11)] | None = None
    """Of the lines, before tax; null: all that is left."""
    line: FilledText | None = None
    """Key of the only line that is credited; null: all of them, in proportion."""
    target: PaidGoesTo = PaidGoesTo.CREDIT
    """Where what was paid already goes."""


class CreditNotes(ApiView):
    @documented(
        name="list_credit_notes",
        summary="List issued credit notes, the newest first",
        tag="credit notes",
        query=PageQuery,
        answer=Page[CreditNoteListed],
    )
    def get(self, request: Request) -> Response:
        del request
        rows = _issued(self)
        return Response(newest_first(rows, self.read_query(PageQuery), _describe))


class OneCreditNote(ApiView):
    @documented(
        name="show_credit_note",
        summary="Show a credit note with its lines",
        tag="credit notes",
        answer=CreditNoteDocument,
    )
    def get(self, request: Request, note_id: int) -> Response:
        del request
        note = _issued(self).select_related("invoice__tenant").filter(pk=note_id)
        if found := note.first():
            return Response(describe_credit_note(found))
        raise Http404


class InvoiceCredit(ApiView):
    @documented(
        name="credit_invoice",
        summary="Let go some or all of an issued invoice (staff)",
        tag="credit notes",
        body=CreditNoteBody,
        answer=CreditNoteListed,
        status=201,
    )
    @repeatable
    def post(self, request: Request, invoice_id: int) -> Response:
        del request
        self.refuse_unless_staff()
        body, invoice = self.read_body(CreditNoteBody), find_invoice(self, invoice_id)
        note = credit_invoice(
            invoice.pk,
            reason=body.reason,
            target=CreditNoteTarget(body.target.value),
            idempotency_key=self.act_key,
            now=timezone.now(),
            cents=_cents(invoice, body),
        )
        return Response(_describe(note), status=201)


def _cents(invoice: Invoice, body: CreditNoteBody) -> int | dict[int, int] | None:
    """As `credit_invoice` takes it. Raises RefusedError."""
    if body.line is None:
        return body.cents
    line = invoice.lines.filter(key=body.line).first()
    if line is None:
        raise RefusedError(
            f"The invoice has no line {body.line!r}.",
            code="invalid_value",
            param="line",
        )
    if body.cents is not None:
        return {line.pk: body.cents}
    left = read_creditable(invoice.lines.filter(pk=line.pk), with_drafts=True)
    return {line.pk: sum(one.amount_cents for one in left)}


def _issued(view: ApiView) -> QuerySet[CreditNote]:
    notes = CreditNote.objects.filter(tenant=view.tenant, number__isnull=False)
    return notes.select_related("invoice")


def _describe(note: CreditNote) -> CreditNoteListed:
    assert note.number is not None  # noqa: S101  it is issued
    assert note.issued_at is not None  # noqa: S101  so it is
    return CreditNoteListed(
        id=note.pk,
        number=note.number,
        kind=note.kind,
        reason=note.reason,
        invoice_id=note.invoice_id,
        issued_at=note.issued_at,
        total_cents=note.total_cents,
        currency=note.currency,
    )
