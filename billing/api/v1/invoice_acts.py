"""What staff do to invoices: issue, void and write them off."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time

import msgspec
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api.v1.document import documented
from billing.api.v1.invoices import InvoiceListed, find_invoice, list_invoice
from billing.api.v1.texts import FilledText
from billing.api.v1.times import checked_time
from billing.api.v1.view import ApiView, repeatable
from billing.models.invoices import Invoice
from billing.services.invoices.issue_invoice import issue_invoice
from billing.services.invoices.void_invoice import void_invoice
from billing.services.invoices.write_off_invoice import write_off_invoice
from billing.services.rating.close_period import close_period
from billing.services.receipts.sign_invoice import sign_invoice
from billing.wire import InvoiceDocument


class ReasonBody(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    reason: FilledText


class IssueBody(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    until: date | None = None
    """Bills what happened before that day (UTC). Null: the month, once it is over."""


class CloseBody(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    until: date
    """Bills what happened before that day (UTC)."""


class IssuedInvoices(msgspec.Struct, frozen=True, kw_only=True):
    data: list[InvoiceListed]
    """The earliest month first; empty: nothing was due."""


class InvoiceIssue(ApiView):
    @documented(
        name="issue_invoice",
        summary="Issue a draft: its lines become final and it gets its number; one that"
        " is issued stays as it is (staff)",
        tag="invoices",
        body=IssueBody,
        answer=InvoiceDocument,
    )
    @repeatable
    def post(self, request: Request, invoice_id: int) -> Response:
        del request
        self.refuse_unless_staff()
        body, found = self.read_body(IssueBody), find_invoice(self, invoice_id)
        until = None if body.until is None else _midnight(body.until)
        issue_invoice(found.pk, until=until, now=timezone.now())
        return _shown(self, invoice_id)


class PeriodClose(ApiView):
    @documented(
        name="close_period",
        summary="Rate and issue all that the tenant used before a day: every draft or"
        " none of them (staff)",
        tag="invoices",
        body=CloseBody,
        answer=IssuedInvoices,
    )
    @repeatable
    def post(self, request: Request) -> Response:
        del request
        self.refuse_unless_staff()
        until = _midnight(self.read_body(CloseBody).until)
        issued = close_period(tenant=self.tenant, until=until, now=timezone.now())
        return Response(IssuedInvoices(data=[list_invoice(one) for one in issued]))


class InvoiceVoid(ApiView):
    @documented(
        name="void_invoice",
        summary="Void an issued invoice; what it billed is billed anew (staff)",
        tag="invoices",
        body=ReasonBody,
        answer=InvoiceDocument,
    )
    @repeatable
    def post(self, request: Request, invoice_id: int) -> Response:
        del request
        return _end(self, invoice_id, void_invoice)


class InvoiceWriteOff(ApiView):
    @documented(
        name="write_off_invoice",
        summary="Give up an issued invoice that will not be paid (staff)",
        tag="invoices",
        body=ReasonBody,
        answer=InvoiceDocument,
    )
    @repeatable
    def post(self, request: Request, invoice_id: int) -> Response:
        del request
        return _end(self, invoice_id, write_off_invoice)


def _end(view: ApiView, invoice_id: int, act: Callable[..., Invoice]) -> Response:
    view.refuse_unless_staff()
    body = view.read_body(ReasonBody)
    act(find_invoice(view, invoice_id).pk, reason=body.reason, now=timezone.now())
    return _shown(view, invoice_id)


def _shown(view: ApiView, invoice_id: int) -> Response:
    document = sign_invoice(find_invoice(view, invoice_id), now=timezone.now())
    return Response(document)


def _midnight(day: date) -> datetime:
    """Raises RefusedError."""
    return checked_time("until", datetime.combine(day, time(), tzinfo=UTC))
