"""`/api/v1/refunds`: money that went back to where it came from."""

from datetime import datetime
from typing import Annotated

import msgspec
from django.http import Http404
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api.v1.document import documented
from billing.api.v1.pages import Page, PageQuery, newest_first
from billing.api.v1.texts import FilledText
from billing.api.v1.view import ApiView, repeatable
from billing.models.payments import Payment, Refund
from billing.services.payments.refund_payment import refund_payment


class RefundDocument(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    payment_id: int
    credit_note_id: int | None
    """Null: credit that no call had used."""
    status: str
    amount_cents: int
    reason: str
    failure: str | None
    created_at: datetime
    settled_at: datetime | None
    """When it ended, one way or the other; null: it is open."""


class RefundBody(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    amount_cents: Annotated[int, msgspec.Meta(ge=1, le=10**11)]
    reason: FilledText


class Refunds(ApiView):
    @documented(
        name="list_refunds",
        summary="List refunds, the newest first",
        tag="payments",
        query=PageQuery,
        answer=Page[RefundDocument],
    )
    def get(self, request: Request) -> Response:
        del request
        rows = Refund.objects.filter(tenant=self.tenant)
        return Response(newest_first(rows, self.read_query(PageQuery), _describe))


class PaymentRefund(ApiView):
    @documented(
        name="refund_payment",
        summary="Give back what a payment bought of credit and no call has used; what"
        " an invoice billed is given back by a credit note (staff)",
        tag="payments",
        body=RefundBody,
        answer=RefundDocument,
        status=201,
    )
    @repeatable
    def post(self, request: Request, payment_id: int) -> Response:
        del request
        self.refuse_unless_superuser()
        body = self.read_body(RefundBody)
        if not Payment.objects.filter(tenant=self.tenant, pk=payment_id).exists():
            raise Http404
        refund = refund_payment(
            payment_id,
            amount_cents=body.amount_cents,
            reason=body.reason,
            idempotency_key=self.act_key,
            credit_note=None,
            now=timezone.now(),
        )
        return Response(_describe(refund), status=201)


def _describe(refund: Refund) -> RefundDocument:
    return RefundDocument(
        id=refund.pk,
        payment_id=refund.payment_id,
        credit_note_id=refund.credit_note_id,
        status=refund.status,
        amount_cents=refund.amount_cents,
        reason=refund.reason,
        failure=refund.failure_text or None,
        created_at=refund.created_at,
        settled_at=refund.settled_at,
    )
