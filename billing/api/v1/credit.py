"""`/api/v1/credit`, `/api/v1/credit_grants`: what was paid ahead, what is left."""

from datetime import datetime
from typing import Annotated

import msgspec
from django.http import Http404
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api.v1.document import documented
from billing.api.v1.pages import Page, PageQuery, newest_first
from billing.api.v1.texts import Amount, FilledText, Time
from billing.api.v1.view import ApiView, repeatable
from billing.domain.credit import PRIORITY_MAX, CreditKind
from billing.models.credit import CreditGrant
from billing.models.event_cursors import CreditThreshold
from billing.services.alerts.set_credit_threshold import set_credit_threshold
from billing.services.credit.credit_of import credit_of
from billing.services.credit.grant_credit import grant_credit
from billing.services.credit.withdraw_credit import withdraw_credit
from billing.services.spend.read_spend import read_spend
from tenants.domain.roles import Permission


class CreditDocument(msgspec.Struct, frozen=True, kw_only=True):
    """Nanos."""

    currency: str
    is_prepaid: bool
    """Whether calls are refused once nothing is left."""
    booked_nanos: int
    """What is left of all grants by the books: less what issued invoices took."""
    left_nanos: int | None
    """What the limits go by at this moment, less what running calls may cost. Null: it
    is not known now, and calls that depend on it are refused."""


class CreditThresholdBody(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    amount_nanos: Amount


class CreditThresholdDocument(msgspec.Struct, frozen=True, kw_only=True):
    amount_nanos: int | None
    """At so much left, or less, the tenant is told. Null: at 20 and 5 % of the last
    grant alone."""


class CreditGrantDocument(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    kind: CreditKind
    priority: int
    """The lowest is spent first."""
    amount_nanos: int
    remaining_nanos: int
    """By the books: less what issued invoices took."""
    reason: str
    granted_at: datetime
    expires_at: datetime | None
    """Null: never."""


class CreditGrantBody(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    amount_nanos: Amount
    reason: FilledText
    kind: CreditKind = CreditKind.PURCHASED
    priority: Annotated[int, msgspec.Meta(ge=0, le=PRIORITY_MAX)] | None = None
    """Null: 10 for gifts, 20 for what was paid."""
    expires_at: Time | None = None


class WithdrawalBody(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    amount_nanos: Amount
    reason: FilledText


class Credit(ApiView):
    @documented(
        name="show_credit",
        summary="Show what credit is left",
        tag="credit",
        answer=CreditDocument,
    )
    def get(self, request: Request) -> Response:
        del request
        spend = read_spend(self.tenant.pk, [], now=timezone.now())
        return Response(
            CreditDocument(
                currency=self.tenant.currency,
                is_prepaid=self.tenant.is_prepaid,
                booked_nanos=credit_of(self.tenant),
                left_nanos=None if spend is None else spend.credit_left,
            )
        )


class LowCredit(ApiView):
    @documented(
        name="show_credit_threshold",
        summary="Show at what is left of its credit the tenant is told",
        tag="credit",
        answer=CreditThresholdDocument,
    )
    def get(self, request: Request) -> Response:
        del request
        return Response(_describe_threshold(self))

    @documented(
        name="set_credit_threshold",
        summary="Set at what is left of its credit the tenant is told (owners and"
        " staff)",
        tag="credit",
        body=CreditThresholdBody,
        answer=CreditThresholdDocument,
    )
    def put(self, request: Request) -> Response:
        del request
        self.refuse_unless(Permission.PAY)
        body = self.read_body(CreditThresholdBody)
        set_credit_threshold(self.tenant, body.amount_nanos)
        return Response(_describe_threshold(self))

    @documented(
        name="remove_credit_threshold",
        summary="Be told at the usual shares alone (by role, and staff)",
        tag="credit",
        answer=None,
        status=204,
    )
    def delete(self, request: Request) -> Response:
        del request
        self.refuse_unless(Permission.PAY)
        set_credit_threshold(self.tenant, None)
        return Response(status=204)


class CreditGrants(ApiView):
    @documented(
        name="list_credit_grants",
        summary="List credit grants, the newest first",
        tag="credit",
        query=PageQuery,
        answer=Page[CreditGrantDocument],
    )
    def get(self, request: Request) -> Response:
        del request
        rows = CreditGrant.objects.with_remaining().filter(tenant=self.tenant)
        return Response(newest_first(rows, self.read_query(PageQuery), _describe))

    @documented(
        name="grant_credit",
        summary="Grant credit (staff)",
        tag="credit",
        body=CreditGrantBody,
        answer=CreditGrantDocument,
        status=201,
    )
    @repeatable
    def post(self, request: Request) -> Response:
        del request
        self.refuse_unless_superuser()
        body = self.read_body(CreditGrantBody)
        grant = grant_credit(
            tenant=self.tenant,
            amount_nanos=body.amount_nanos,
            reason=body.reason,
            idempotency_key=self.act_key,
            now=timezone.now(),
            kind=body.kind,
            priority=body.priority,
            expires_at=body.expires_at,
        )
        found = CreditGrant.objects.with_remaining().get(pk=grant.pk)
        return Response(_describe(found), status=201)


class CreditWithdraw(ApiView):
    @documented(
        name="withdraw_credit",
        summary="Take back credit that no call has used (staff)",
        tag="credit",
        body=WithdrawalBody,
        answer=CreditGrantDocument,
    )
    @repeatable
    def post(self, request: Request, grant_id: int) -> Response:
        del request
        self.refuse_unless_superuser()
        body = self.read_body(WithdrawalBody)
        rows = CreditGrant.objects.with_remaining().filter(tenant=self.tenant)
        grant = rows.filter(pk=grant_id).first()
        if grant is None:
            raise Http404
        withdraw_credit(
            grant=grant,
            amount_nanos=body.amount_nanos,
            reason=body.reason,
            idempotency_key=self.act_key,
            now=timezone.now(),
        )
        return Response(_describe(rows.get(pk=grant_id)))


def _describe_threshold(view: ApiView) -> CreditThresholdDocument:
    own = CreditThreshold.objects.filter(tenant=view.tenant).first()
    return CreditThresholdDocument(
        amount_nanos=None if own is None else own.amount_nanos
    )


def _describe(grant: CreditGrant) -> CreditGrantDocument:
    return CreditGrantDocument(
        id=grant.pk,
        kind=CreditKind(grant.kind),
        priority=grant.priority,
        remaining_nanos=grant.remaining,  # type: ignore[attr-defined]  # annotated
        expires_at=grant.expires_at,
        amount_nanos=grant.amount_nanos,
        reason=grant.reason,
        granted_at=grant.granted_at,
    )
