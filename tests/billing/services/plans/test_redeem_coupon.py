"""A coupon lowers a tenant's months."""

from datetime import UTC, datetime, timedelta

import pytest

from billing.errors import (
    CouponEndedError,
    CouponUsedUpError,
    OtherCurrencyError,
    UnknownCouponError,
)
from billing.models.credit_notes import CreditNote
from billing.models.plans import CouponRedemption
from billing.services.invoices.issue_invoice import issue_invoice
from billing.services.plans.redeem_coupon import redeem_coupon
from billing.services.rating.rate_usage import rate_usage
from tests.billing.plans import drawn, make_coupon
from tests.billing.usage import DECEMBER, NOON, NOVEMBER, check_books, draft_of, use
from tests.factories import make_tenant
from tests.parallel import in_parallel

HOUR = timedelta(hours=1)


def redeem(tenant, coupon, *, now=NOON):
    return redeem_coupon(tenant_id=tenant.pk, code=coupon.code, now=now)


def test_it_works(tenant, price):
    """10 % off 4 USD, also of what was used before the coupon was redeemed."""
    use(tenant, price, 10_000_000, hour_at=NOVEMBER)
    coupon = make_coupon(months=3)

    redemption = redeem(tenant, coupon)

    assert redemption.starts_at == NOVEMBER
    assert redemption.ends_at == datetime(2027, 2, 1, tzinfo=UTC)
    ((_, _, amount),) = drawn(tenant, now=NOON)
    assert amount == 3_600_000_000
    check_books(tenant)


def test_how_the_code_is_typed_does_not_matter(tenant):
    make_coupon(code="WELCOME")
    redemption = redeem_coupon(tenant_id=tenant.pk, code=" welcome ", now=NOON)
    assert redemption.coupon.code == "WELCOME"
    assert redemption.ends_at is None


def test_the_second_time_changes_nothing(tenant):
    coupon = make_coupon(redemptions_max=1, redeem_until=NOON + HOUR)
    first = redeem(tenant, coupon)

    assert redeem(tenant, coupon, now=NOON + 2 * HOUR) == first
    assert CouponRedemption.objects.count() == 1


def test_what_was_billed_without_it_is_credited(tenant, price):
    use(tenant, price, 10_000_000, hour_at=NOVEMBER)
    rate_usage(now=NOON)
    issue_invoice(draft_of(tenant).pk, now=NOON, until=DECEMBER)

    redeem(tenant, make_coupon(amount_cents=1_00))

    rate_usage(now=NOON)
    assert CreditNote.objects.get(tenant=tenant).total_nanos == 1_000_000_000
    check_books(tenant)


@pytest.mark.django_db(transaction=True)
def test_the_last_one_is_redeemed_once():
    """Five tenants at the same time want one of two."""
    coupon = make_coupon(redemptions_max=2)
    tenants = [make_tenant() for _ in range(5)]

    def try_it(tenant):
        try:
            return redeem(tenant, coupon)
        except CouponUsedUpError:
            return None

    found = in_parallel(*(lambda one=one: try_it(one) for one in tenants))

    assert len([one for one in found if one]) == 2
    assert coupon.redemptions.count() == 2


def test_it_refuses_a_code_that_is_not_there(tenant):
    with pytest.raises(UnknownCouponError):
        redeem_coupon(tenant_id=tenant.pk, code="NOTHING", now=NOON)


def test_it_refuses_a_coupon_that_ended(tenant):
    with pytest.raises(CouponEndedError):
        redeem(tenant, make_coupon(redeem_until=NOON))
    assert redeem(tenant, make_coupon(redeem_until=NOON + HOUR))


def test_it_refuses_a_coupon_that_is_used_up(tenant):
    coupon = make_coupon(redemptions_max=1)
    redeem(make_tenant(), coupon)

    with pytest.raises(CouponUsedUpError):
        redeem(tenant, coupon)


def test_it_refuses_an_amount_in_another_currency(tenant):
    """A percentage is of any."""
    amount = make_coupon(amount_cents=5_00, currency="EUR")
    percent = make_coupon(currency="EUR")

    with pytest.raises(OtherCurrencyError, match="pays in USD"):
        redeem_coupon(tenant_id=tenant.pk, code=amount.code, now=NOON)
    assert redeem_coupon(tenant_id=tenant.pk, code=percent.code, now=NOON).pk
