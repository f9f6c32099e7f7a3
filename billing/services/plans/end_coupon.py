"""Let nobody redeem a coupon any more."""

from datetime import datetime

from django.db import transaction
from django.db.models import Q

from billing.models.plans import Coupon
from tenants.services.note_staff_act import note_staff_act


@transaction.atomic
def end_coupon(coupon_id: int, *, now: datetime) -> Coupon:
    """Who redeemed it keeps what it takes off. One that ended before stays as it is.
    Raises Coupon.DoesNotExist.
    """
    is_ended = Coupon.objects.filter(
        Q(redeem_until__isnull=True) | Q(redeem_until__gt=now), pk=coupon_id
    ).update(redeem_until=now)
    coupon = Coupon.objects.get(pk=coupon_id)
    if is_ended:
        note_staff_act("coupon.ended", about=coupon, words=coupon.code)
    return coupon
