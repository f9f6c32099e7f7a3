"""Write down a coupon that tenants can redeem."""

from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext

from billing.errors import InvalidCouponError
from billing.models.plans import Coupon
from billing.services.plans.redeem_coupon import clean_code
from tenants.services.note_staff_act import note_staff_act


@transaction.atomic
def offer_coupon(coupon: Coupon, *, now: datetime) -> Coupon:
    """Stores a coupon that was not stored before. Raises InvalidCouponError, with what
    is wrong in words.
    """
    coupon.code = clean_code(coupon.code)
    coupon.created_at = now
    try:
        coupon.full_clean()
        with transaction.atomic():
            coupon.save(force_insert=True)
    except ValidationError as error:
        raise InvalidCouponError(" ".join(error.messages)) from error
    except IntegrityError as error:
        raise InvalidCouponError(gettext("There is a coupon of this code.")) from error
    words = f"{coupon.code}: {coupon.name}"
    note_staff_act("coupon.offered", about=coupon, words=words)
    return coupon
