"""Give a tenant what a coupon takes off."""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext

from billing.domain.money import check_currency
from billing.domain.periods import add_months, month_of
from billing.errors import CouponEndedError, CouponUsedUpError, UnknownCouponError
from billing.models.plans import Coupon, CouponRedemption
from billing.services.ledger.currency_of import currency_of
from billing.services.ledger.lock_tenant import lock_tenant
from billing.services.rating.mark_months import mark_months
from tenants.services.note_act import note_act


@transaction.atomic
def redeem_coupon(*, tenant_id: int, code: str, now: datetime) -> CouponRedemption:
    """From this month on, all of it; what the tenant redeemed before is returned as it
    is. Case and spaces around the code do not matter.

    Raises UnknownCouponError, CouponEndedError, CouponUsedUpError and
    OtherCurrencyError.
    """
    lock_tenant(tenant_id)
    # Held until the commit: of two tenants that want the last one, one waits.
    coupons = Coupon.objects.select_for_update(no_key=True)
    if (coupon := coupons.filter(code=clean_code(code)).first()) is None:
        raise UnknownCouponError(gettext("There is no such coupon."))
    redemptions = CouponRedemption.objects.filter(coupon=coupon)
    if found := redemptions.filter(tenant_id=tenant_id).first():
        return found
    if coupon.amount_cents:
        paid_in = currency_of(tenant_id)
        check_currency(coupon.currency, paid_in=paid_in, what="This coupon")
    _check(coupon, redemptions.count(), now)
    start = month_of(now).start
    redemption = CouponRedemption.objects.create(
        tenant_id=tenant_id,
        coupon=coupon,
        starts_at=start,
        ends_at=add_months(start, coupon.months) if coupon.months else None,
        redeemed_at=now,
    )
    note_act(
        "plan.coupon_redeemed", tenant_id=tenant_id, about=redemption, words=coupon.code
    )
    mark_months(tenant_id, start=start, now=now)
    return redemption


def clean_code(code: str) -> str:
    """As it is kept."""
    return code.strip().upper()


def _check(coupon: Coupon, redemptions: int, now: datetime) -> None:
    if coupon.redeem_until is not None and coupon.redeem_until <= now:
        raise CouponEndedError(gettext("This coupon can no longer be redeemed."))
    if coupon.redemptions_max is not None and redemptions >= coupon.redemptions_max:
        raise CouponUsedUpError(
            gettext("This coupon was redeemed as often as it could be.")
        )
