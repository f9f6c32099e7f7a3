"""`/api/v1/payments`, `/top_ups`, `/bank_transfers`, `/auto_recharge`: money in."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated

import msgspec
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api.v1.document import documented
from billing.api.v1.invoices import find_invoice
from billing.api.v1.pages import Page, PageQuery, newest_first
from billing.api.v1.refusals import RefusedError
from billing.api.v1.texts import Amount, RowId, Text
from billing.api.v1.view import ApiView, repeatable
from billing.domain.recharge import RechargeTerms
from billing.models.auto_recharge import AutoRecharge
from billing.models.payments import Payment, PaymentMethod
from billing.services.credit.set_auto_recharge import set_auto_recharge
from billing.services.payments.record_bank_transfer import record_bank_transfer
from billing.services.payments.start_payment import start_payment
from tenants.domain.roles import Permission

_Cents = Annotated[int, msgspec.Meta(ge=1, le=900_000_000)]


class PaymentDocument(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    invoice_id: int | None
    """Null: it buys credit."""
    kind: str
    status: str
    amount_cents: int
    currency: str
    failure: str | None
    note: str
    created_at: datetime
    settled_at: datetime | None
    """When it ended, one way or the other; null: it is open."""


class TopUpBody(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    amount_cents: _Cents


class TransferBody(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    amount_cents: _Cents
    invoice_id: RowId | None = None
    """Null: it buys credit."""
    note: Text = ""
    """The reference of the transfer."""


class AutoRechargeBody(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    threshold_nanos: Amount
    amount_cents: _Cents
    monthly_max_cents: _Cents


class AutoRechargeDocument(msgspec.Struct, frozen=True, kw_only=True):
    is_enabled: bool
    threshold_nanos: int | None
    """At so much left, or less, credit is bought. Null, as those below: never set."""
    amount_cents: int | None
    monthly_max_cents: int | None
    """The most in a calendar month (UTC)."""


class Payments(ApiView):
    @documented(
        name="list_payments",
        summary="List payments, the newest first",
        tag="payments",
        query=PageQuery,
        answer=Page[PaymentDocument],
    )
    def get(self, request: Request) -> Response:
        del request
        rows = Payment.objects.filter(tenant=self.tenant)
        return Response(newest_first(rows, self.read_query(PageQuery), _describe))


class TopUps(ApiView):
    @documented(
        name="buy_credit",
        summary="Buy credit by the card that the tenant keeps (by role, and staff)",
        tag="payments",
        body=TopUpBody,
        answer=PaymentDocument,
        status=201,
    )
    @repeatable
    def post(self, request: Request) -> Response:
        del request
        self.refuse_unless(Permission.PAY)
        body = self.read_body(TopUpBody)
        payment = start_payment(
            tenant=self.tenant,
            amount_cents=body.amount_cents,
            invoice=None,
            method=_default_card(self),
            idempotency_key=self.act_key,
            now=timezone.now(),
        )
        return Response(_describe(payment), status=201)


class BankTransfers(ApiView):
    @documented(
        name="record_bank_transfer",
        summary="Record a bank transfer that arrived (staff)",
        tag="payments",
        body=TransferBody,
        answer=PaymentDocument,
        status=201,
    )
    @repeatable
    def post(self, request: Request) -> Response:
        del request
        self.refuse_unless_staff()
        body = self.read_body(TransferBody)
        named = body.invoice_id
        if named is None:
            self.refuse_unless_superuser()
        invoice = None if named is None else find_invoice(self, named)
        payment = record_bank_transfer(
            tenant=self.tenant,
            amount_cents=body.amount_cents,
            invoice=invoice,
            note=body.note,
            idempotency_key=self.act_key,
            now=timezone.now(),
        )
        return Response(_describe(payment), status=201)


class AutomaticRecharge(ApiView):
    @documented(
        name="show_auto_recharge",
        summary="Show how credit is bought by itself",
        tag="payments",
        answer=AutoRechargeDocument,
    )
    def get(self, request: Request) -> Response:
        del request
        return Response(_describe_recharge(self))

    @documented(
        name="set_auto_recharge",
        summary="Have credit bought by itself, by the card that the tenant keeps"
        " (by role, and staff)",
        tag="payments",
        body=AutoRechargeBody,
        answer=AutoRechargeDocument,
    )
    def put(self, request: Request) -> Response:
        del request
        self.refuse_unless(Permission.PAY)
        body = self.read_body(AutoRechargeBody)
        set_auto_recharge(self.tenant, RechargeTerms(**msgspec.structs.asdict(body)))
        return Response(_describe_recharge(self))

    @documented(
        name="stop_auto_recharge",
        summary="Have credit bought by itself no longer (by role, and staff)",
        tag="payments",
        answer=None,
        status=204,
    )
    def delete(self, request: Request) -> Response:
        del request
        self.refuse_unless(Permission.PAY)
        set_auto_recharge(self.tenant, None)
        return Response(status=204)


def _default_card(view: ApiView) -> PaymentMethod:
    """Raises RefusedError."""
    cards = PaymentMethod.objects.filter(tenant=view.tenant, removed_at=None)
    if card := cards.filter(is_default=True).first():
        return card
    raise RefusedError(
        "The tenant keeps no card. Add one in the portal first.",
        code="no_card",
        status=HTTPStatus.CONFLICT,
    )


def _describe(payment: Payment) -> PaymentDocument:
    return PaymentDocument(
        id=payment.pk,
        invoice_id=payment.invoice_id,
        kind=payment.kind,
        status=payment.status,
        amount_cents=payment.amount_cents,
        currency=payment.currency,
        failure=payment.failure_text or None,
        note=payment.note,
        created_at=payment.created_at,
        settled_at=payment.settled_at,
    )


def _describe_recharge(view: ApiView) -> AutoRechargeDocument:
    row = AutoRecharge.objects.filter(tenant=view.tenant).first()
    if row is None:
        return AutoRechargeDocument(
            is_enabled=False,
            threshold_nanos=None,
            amount_cents=None,
            monthly_max_cents=None,
        )
    return AutoRechargeDocument(
        is_enabled=row.is_enabled,
        threshold_nanos=row.threshold_nanos,
        amount_cents=row.amount_cents,
        monthly_max_cents=row.monthly_max_cents,
    )
