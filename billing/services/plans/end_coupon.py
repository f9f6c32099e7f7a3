"""Let nobody redeem a coupon any more."""

from datetime import datetime

from django.db.models import Q

from billing.models.plans import Coupon


def end_coupon(coupon_id: int, *, now: datetime) -> Coupon:
    """Who redeemed it keeps what it takes off. One that ended before stays as it is.
    Raises Coupon.DoesNotExist.
    """
    Coupon.objects.filter(
        Q(redeem_until__isnull=True) | Q(redeem_until__gt=now), pk=coupon_id
    ).update(redeem_until=now)
    return Coupon.objects.get(pk=coupon_id)
