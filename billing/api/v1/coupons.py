"""`/api/v1/coupons`: what codes take off, as staff offer and end them."""

from datetime import datetime
from typing import Annotated

import msgspec
from django.http import Http404
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api.v1.document import documented
from billing.api.v1.pages import Page, PageQuery, newest_first
from billing.api.v1.texts import Cents, Code, Currency, Name, Time
from billing.api.v1.view import ApiView, repeatable
from billing.models.plans import Coupon
from billing.services.plans.end_coupon import end_coupon
from billing.services.plans.offer_coupon import offer_coupon
from billing.services.plans.redeem_coupon import clean_code
from tenants.domain.currency import USD


class CouponDocument(msgspec.Struct, frozen=True, kw_only=True):
    code: str
    name: str
    percent_basis_points: int
    """Off each line: 1,000 is 10 %."""
    amount_cents: int
    """Off a month, at most what it comes to."""
    currency: str
    """Of the amount."""
    months: int | None
    """Calendar months, the first one included; null: for ever."""
    redemptions_max: int | None
    """Null: any number of tenants."""
    redeem_until: datetime | None
    """Null: always."""
    created_at: datetime


class NewCoupon(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """It takes off one thing: a share of each line, or an amount off a month."""

    code: Annotated[Code, msgspec.Meta(max_length=40)]
    name: Name
    percent_basis_points: Annotated[int, msgspec.Meta(ge=0, le=10_000)] = 0
    amount_cents: Cents = 0
    currency: Currency = USD
    """Of the amount."""
    months: Annotated[int, msgspec.Meta(ge=1, le=1_200)] | None = None
    redemptions_max: Annotated[int, msgspec.Meta(ge=1, le=10**9)] | None = None
    redeem_until: Time | None = None


class Coupons(ApiView):
    @documented(
        name="list_coupons",
        summary="List coupons, the newest first (staff)",
        tag="plans",
        query=PageQuery,
        answer=Page[CouponDocument],
    )
    def get(self, request: Request) -> Response:
        del request
        self.refuse_unless_staff()
        rows = Coupon.objects.all()
        return Response(newest_first(rows, self.read_query(PageQuery), _describe))

    @documented(
        name="offer_coupon",
        summary="Offer a coupon (staff)",
        tag="plans",
        body=NewCoupon,
        answer=CouponDocument,
        status=201,
    )
    @repeatable
    def post(self, request: Request) -> Response:
        del request
        self.refuse_unless_superuser()
        terms = msgspec.structs.asdict(self.read_body(NewCoupon))
        made = offer_coupon(Coupon(**terms), now=timezone.now())
        return Response(_describe(made), status=201)


class CouponEnd(ApiView):
    @documented(
        name="end_coupon",
        summary="Let nobody redeem a coupon any more; who redeemed it keeps what it"
        " takes off (staff)",
        tag="plans",
        answer=CouponDocument,
    )
    @repeatable
    def post(self, request: Request, code: str) -> Response:
        del request
        self.refuse_unless_superuser()
        coupon = Coupon.objects.filter(code=clean_code(code)).first()
        if coupon is None:
            raise Http404
        return Response(_describe(end_coupon(coupon.pk, now=timezone.now())))


def _describe(coupon: Coupon) -> CouponDocument:
    names = CouponDocument.__struct_fields__
    return CouponDocument(**{name: getattr(coupon, name) for name in names})
