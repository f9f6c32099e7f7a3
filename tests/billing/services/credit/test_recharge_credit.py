"""Credit is bought by itself, within its limits."""

from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone

from billing.domain.recharge import RechargeTerms
from billing.domain.spend_counters import money_key, total_key
from billing.errors import InvalidAmountError
from billing.models.auto_recharge import AutoRecharge
from billing.models.payments import Payment
from billing.models.provider import StripeOrder
from billing.services.credit.recharge_credit import recharge_credit
from billing.services.credit.set_auto_recharge import set_auto_recharge
from tests.billing.credit import CENT
from tests.billing.paying import add_card
from tests.factories import make_tenant, make_user
from tests.parallel import in_parallel

pytestmark = pytest.mark.django_db

TERMS = RechargeTerms(
    threshold_nanos=500 * CENT, amount_cents=1_000, monthly_max_cents=2_000
)


@pytest.fixture
def now():
    return timezone.now()


@pytest.fixture
def tenant(db):  # noqa: ARG001  opens the database
    tenant = make_tenant(owner=make_user(email="olga@acme.example"))
    set_auto_recharge(tenant, TERMS)
    return tenant


@pytest.fixture
def left(valkey):
    """Has the limiter say that so much is left."""

    def told(tenant, amount):
        known = {"server": valkey.info("server")["run_id"], "credit": amount}
        valkey.hset(money_key(tenant.pk), mapping=known)
        valkey.delete(total_key(tenant.pk))

    return told


def end(payment, status, now):
    Payment.objects.filter(pk=payment.pk).update(status=status, settled_at=now)


def test_it_works(tenant, left, stripe_sim, now):
    card = add_card(stripe_sim, tenant, now=now)
    left(tenant, 500 * CENT)

    assert recharge_credit(now=now) == 1

    payment = Payment.objects.get()
    assert (payment.amount_cents, payment.status) == (1_000, "pending")
    assert (payment.invoice, payment.method) == (None, card)
    assert payment.idempotency_key == "auto-recharge-1"
    assert StripeOrder.objects.get().payment == payment
    assert mail.outbox == []


def test_none_is_begun_while_one_is_open(tenant, left, stripe_sim, now):
    add_card(stripe_sim, tenant, now=now)
    left(tenant, 0)

    assert [recharge_credit(now=now) for _ in range(3)] == [1, 0, 0]


def test_the_month_has_an_end(tenant, left, stripe_sim, now):
    add_card(stripe_sim, tenant, now=now)
    left(tenant, 0)
    for _ in range(2):
        assert recharge_credit(now=now) == 1
        end(Payment.objects.latest("pk"), "succeeded", now)

    assert recharge_credit(now=now) == 0
    assert recharge_credit(now=now + timedelta(days=32)) == 1


def test_a_declined_card_is_left_alone_for_a_day(tenant, left, stripe_sim, now):
    add_card(stripe_sim, tenant, now=now)
    left(tenant, 0)
    recharge_credit(now=now)
    end(Payment.objects.get(), "failed", now)

    assert recharge_credit(now=now + timedelta(hours=23)) == 0
    assert recharge_credit(now=now + timedelta(hours=25)) == 1


def test_without_a_card_the_owners_are_told_once(tenant, left, now):
    left(tenant, 12 * CENT)

    assert [recharge_credit(now=now) for _ in range(3)] == [0, 0, 0]

    (told,) = mail.outbox
    assert told.to == ["olga@acme.example"]
    assert "0.12 USD" in told.body
    assert not Payment.objects.exists()


def test_while_enough_is_left_nothing_is_bought(tenant, left, stripe_sim, now):
    add_card(stripe_sim, tenant, now=now)
    left(tenant, 500 * CENT + 1)

    assert recharge_credit(now=now) == 0


@pytest.mark.usefixtures("valkey")
def test_what_is_left_must_be_known(tenant, stripe_sim, now):
    add_card(stripe_sim, tenant, now=now)

    assert recharge_credit(now=now) == 0
    assert mail.outbox == []


def test_it_can_be_switched_off(tenant, left, stripe_sim, now):
    add_card(stripe_sim, tenant, now=now)
    left(tenant, 0)
    set_auto_recharge(tenant, None)

    assert recharge_credit(now=now) == 0
    assert AutoRecharge.objects.get().amount_cents == 1_000


@pytest.mark.django_db(transaction=True)
def test_at_the_same_time_one_is_begun(valkey, left, stripe_sim, now):
    del valkey
    tenant = make_tenant()
    set_auto_recharge(tenant, TERMS)
    add_card(stripe_sim, tenant, now=now)
    left(tenant, 0)

    begun = in_parallel(*[lambda: recharge_credit(now=now)] * 4)

    assert sum(begun) == 1
    assert Payment.objects.count() == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"threshold_nanos": 0},
        {"amount_cents": 49},
        {"amount_cents": 10**12, "monthly_max_cents": 10**12},
        {"monthly_max_cents": 999},
    ],
)
def test_it_refuses(tenant, changes):
    values = {
        "threshold_nanos": 1,
        "amount_cents": 1_000,
        "monthly_max_cents": 1_000,
        **changes,
    }
    with pytest.raises(InvalidAmountError):
        set_auto_recharge(tenant, RechargeTerms(**values))

    assert AutoRecharge.objects.get().monthly_max_cents == 2_000
