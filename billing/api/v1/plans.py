"""`/api/v1/plans`, `/api/v1/subscriptions`: what a tenant is on, or may be on."""

import enum
from datetime import datetime
from typing import Annotated

import msgspec
from django.db.models import Q, QuerySet
from django.http import Http404
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api.v1.document import documented
from billing.api.v1.pages import Page, PageQuery, newest_first
from billing.api.v1.price_books import find_book
from billing.api.v1.texts import (
    Cents,
    Code,
    Currency,
    FilledText,
    Name,
    Paragraph,
    Time,
)
from billing.api.v1.view import ApiView, repeatable
from billing.domain.month import Allowance
from billing.models.plans import Plan, PlanKind, Subscription
from billing.services.plans.cancel_subscription import cancel_subscription
from billing.services.plans.change_plan import change_plan
from billing.services.plans.offer_plan import offer_plan
from billing.services.plans.preview_change import ChangePreview, preview_change
from billing.services.plans.redeem_coupon import redeem_coupon
from billing.services.plans.start_subscription import start_subscription
from billing.services.plans.withdraw_plan import withdraw_plan
from tenants.domain.currency import USD
from tenants.domain.roles import Permission


class AllowanceDocument(msgspec.Struct, frozen=True, kw_only=True):
    model: str | None
    """Null: of all models together."""
    meter: str
    quantity: int


class PlanDocument(msgspec.Struct, frozen=True, kw_only=True):
    code: str
    name: str
    description: str
    kind: str
    currency: str
    price_cents: int
    """Of a month, paid at its end for the part in which the plan was held."""
    minimum_cents: int
    commitment_cents: int
    commitment_months: int
    percentage_basis_points: int
    trial_days: int
    credit_cents: int
    """Of a free plan: what each month brings to spend."""
    allowances: list[AllowanceDocument]
    """What a month includes."""
    price_book: str | None
    """By which usage is priced before the list; null: by the list."""
    is_public: bool
    """Whether tenants may choose it; else staff put them on it."""
    withdrawn_at: datetime | None
    """From when nobody is put on it any more; null: it is offered."""


class PayingWay(enum.StrEnum):
    FREE = PlanKind.FREE.value
    PAY_AS_YOU_GO = PlanKind.PAY_AS_YOU_GO.value
    PREPAID = PlanKind.PREPAID.value
    SUBSCRIPTION = PlanKind.SUBSCRIPTION.value


class NewAllowance(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    meter: FilledText
    quantity: Annotated[int, msgspec.Meta(ge=1, le=10**15)]
    model: Name | None = None
    """Null: of all models together."""


class NewPlan(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Its terms never change: another price is another plan."""

    code: Code
    name: Name
    kind: PayingWay
    description: Paragraph = ""
    currency: Currency = USD
    price_cents: Cents = 0
    minimum_cents: Cents = 0
    commitment_cents: Cents = 0
    commitment_months: Annotated[int, msgspec.Meta(ge=0, le=1_200)] = 0
    credit_cents: Cents = 0
    percentage_basis_points: Annotated[int, msgspec.Meta(ge=0, le=10_000)] = 0
    trial_days: Annotated[int, msgspec.Meta(ge=0, le=10_000)] = 0
    is_public: bool = True
    price_book: FilledText | None = None
    allowances: Annotated[list[NewAllowance], msgspec.Meta(max_length=100)] = []


class SubscriptionDocument(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    plan: str
    """Its code."""
    plan_name: str
    starts_at: datetime
    ends_at: datetime | None
    """Null: until it is changed."""
    trial_ends_at: datetime | None


class PlanBody(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    plan: Code
    at: Time | None = None
    """Null: now."""


class CancelBody(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    at: Time | None = None
    """Null: now."""


class ChargeDifference(msgspec.Struct, frozen=True, kw_only=True):
    key: str
    kind: str
    before_nanos: int
    after_nanos: int


class PreviewDocument(msgspec.Struct, frozen=True, kw_only=True):
    """With what is used so far. Nothing is changed by it, and nothing promised."""

    plan: str
    at: datetime
    trial_ends_at: datetime | None
    period_start: datetime
    period_end: datetime
    before_nanos: int
    after_nanos: int
    difference_nanos: int
    charges: list[ChargeDifference]


class CouponBody(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    code: FilledText


class RedemptionDocument(msgspec.Struct, frozen=True, kw_only=True):
    coupon: str
    name: str
    starts_at: datetime
    ends_at: datetime | None
    """Null: it has no end."""


class Plans(ApiView):
    @documented(
        name="list_plans",
        summary="List the plans that are offered, and those that the tenant was on",
        tag="plans",
        query=PageQuery,
        answer=Page[PlanDocument],
    )
    def get(self, request: Request) -> Response:
        del request
        rows = _plans(self).prefetch_related("allowances", "price_book")
        return Response(newest_first(rows, self.read_query(PageQuery), _describe_plan))

    @documented(
        name="offer_plan",
        summary="Offer a plan (staff)",
        tag="plans",
        body=NewPlan,
        answer=PlanDocument,
        status=201,
    )
    @repeatable
    def post(self, request: Request) -> Response:
        del request
        self.refuse_unless_superuser()
        body = self.read_body(NewPlan)
        terms = msgspec.structs.asdict(body)
        del terms["allowances"]
        name = terms.pop("price_book")
        plan = Plan(**terms, price_book=find_book(name) if name else None)
        allowances = [
            Allowance(model=one.model or "", meter=one.meter, quantity=one.quantity)
            for one in body.allowances
        ]
        made = offer_plan(plan, allowances, now=timezone.now())
        return Response(_describe_plan(made), status=201)


class PlanWithdrawal(ApiView):
    @documented(
        name="withdraw_plan",
        summary="Put nobody on a plan any more; who is on it stays on it (staff)",
        tag="plans",
        answer=PlanDocument,
    )
    @repeatable
    def post(self, request: Request, code: str) -> Response:
        del request
        self.refuse_unless_superuser()
        plan = _find(self, code)
        return Response(_describe_plan(withdraw_plan(plan.pk, now=timezone.now())))


class Subscriptions(ApiView):
    @documented(
        name="list_subscriptions",
        summary="List subscriptions, the newest first; one that is planned too",
        tag="subscriptions",
        query=PageQuery,
        answer=Page[SubscriptionDocument],
    )
    def get(self, request: Request) -> Response:
        del request
        rows = Subscription.objects.filter(tenant=self.tenant).select_related("plan")
        return Response(newest_first(rows, self.read_query(PageQuery), _describe))

    @documented(
        name="change_plan",
        summary="Start a plan or change to another (by role, and staff)",
        tag="subscriptions",
        body=PlanBody,
        answer=SubscriptionDocument,
    )
    @repeatable
    def post(self, request: Request) -> Response:
        del request
        self.refuse_unless(Permission.PAY)
        body, now = self.read_body(PlanBody), timezone.now()
        plan, tenant_id = _find(self, body.plan), self.tenant.pk
        if Subscription.objects.filter(tenant_id=tenant_id).held_at(now).exists():
            made = change_plan(tenant_id=tenant_id, plan=plan, now=now, at=body.at)
        else:
            made = start_subscription(
                tenant_id=tenant_id, plan=plan, now=now, starts_at=body.at
            )
        return Response(_describe(made))


class SubscriptionPreview(ApiView):
    @documented(
        name="preview_plan",
        summary="Tell what the month would come to on another plan",
        tag="subscriptions",
        body=PlanBody,
        answer=PreviewDocument,
    )
    @repeatable
    def post(self, request: Request) -> Response:
        del request
        body = self.read_body(PlanBody)
        preview = preview_change(
            tenant_id=self.tenant.pk,
            plan=_find(self, body.plan),
            now=timezone.now(),
            at=body.at,
        )
        return Response(_describe_preview(preview))


class SubscriptionEnd(ApiView):
    @documented(
        name="cancel_subscription",
        summary="End the subscription (by role, and staff)",
        tag="subscriptions",
        body=CancelBody,
        answer=SubscriptionDocument,
    )
    @repeatable
    def post(self, request: Request) -> Response:
        del request
        self.refuse_unless(Permission.PAY)
        body = self.read_body(CancelBody)
        ended = cancel_subscription(
            tenant_id=self.tenant.pk, now=timezone.now(), at=body.at
        )
        return Response(_describe(ended))


class CouponRedemptions(ApiView):
    @documented(
        name="redeem_coupon",
        summary="Redeem a coupon from this month on (by role, and staff)",
        tag="subscriptions",
        body=CouponBody,
        answer=RedemptionDocument,
    )
    @repeatable
    def post(self, request: Request) -> Response:
        del request
        self.refuse_unless(Permission.PAY)
        body = self.read_body(CouponBody)
        redeemed = redeem_coupon(
            tenant_id=self.tenant.pk, code=body.code, now=timezone.now()
        )
        document = RedemptionDocument(
            coupon=redeemed.coupon.code,
            name=redeemed.coupon.name,
            starts_at=redeemed.starts_at,
            ends_at=redeemed.ends_at,
        )
        return Response(document)


def _plans(view: ApiView) -> QuerySet[Plan]:
    if view.caller.is_staff:
        return Plan.objects.all()
    held = Subscription.objects.filter(tenant=view.tenant).values("plan_id")
    offered = Q(
        is_public=True, withdrawn_at__isnull=True, currency=view.tenant.currency
    )
    return Plan.objects.filter(offered | Q(pk__in=held))


def _find(view: ApiView, code: str) -> Plan:
    """Raises Http404."""
    if plan := _plans(view).filter(code=code).first():
        return plan
    raise Http404


def _describe_plan(plan: Plan) -> PlanDocument:
    return PlanDocument(
        code=plan.code,
        name=plan.name,
        description=plan.description,
        kind=plan.kind,
        currency=plan.currency,
        price_cents=plan.price_cents,
        minimum_cents=plan.minimum_cents,
        commitment_cents=plan.commitment_cents,
        commitment_months=plan.commitment_months,
        percentage_basis_points=plan.percentage_basis_points,
        trial_days=plan.trial_days,
        allowances=[
            AllowanceDocument(
                model=one.model or None, meter=one.meter, quantity=one.quantity
            )
            for one in plan.allowances.all()
        ],
        credit_cents=plan.credit_cents,
        price_book=plan.price_book.name if plan.price_book else None,
        is_public=plan.is_public,
        withdrawn_at=plan.withdrawn_at,
    )


def _describe(subscription: Subscription) -> SubscriptionDocument:
    return SubscriptionDocument(
        id=subscription.pk,
        plan=subscription.plan.code,
        plan_name=subscription.plan.name,
        starts_at=subscription.starts_at,
        ends_at=subscription.ends_at,
        trial_ends_at=subscription.trial_ends_at,
    )


def _describe_preview(preview: ChangePreview) -> PreviewDocument:
    return PreviewDocument(
        plan=preview.plan.code,
        at=preview.at,
        trial_ends_at=preview.trial_ends_at,
        period_start=preview.month.start,
        period_end=preview.month.end,
        before_nanos=preview.before_nanos,
        after_nanos=preview.after_nanos,
        difference_nanos=preview.difference_nanos,
        charges=[
            ChargeDifference(
                key=one.charge.key,
                kind=one.charge.kind,
                before_nanos=one.before_nanos,
                after_nanos=one.after_nanos,
            )
            for one in preview.differences
        ],
    )
