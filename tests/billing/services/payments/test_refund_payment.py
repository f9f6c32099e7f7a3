"""Money goes back to where it came from."""

from datetime import timedelta

import pytest

from billing.errors import (
    IdempotencyKeyReusedError,
    InvalidCreditError,
    NotRefundableError,
)
from billing.models.credit_notes import CreditNote
from billing.models.payments import Payment, Refund
from billing.models.provider import StripeOrder
from billing.services.credit.credit_of import credit_of
from billing.services.payments.collect_invoice import collect_invoice
from billing.services.payments.record_bank_transfer import record_bank_transfer
from billing.services.payments.refund_payment import refund_payment, refundable_cents
from billing.services.payments.start_payment import start_payment
from billing.services.payments.work_off_order import work_off_orders
from tests.billing.paying import add_card, deliver, owed_invoice
from tests.billing.services.payments.test_apply_stripe_events import apply_all
from tests.billing.usage import DECEMBER, NOON, balances
from tests.stripe_sim.payments import fail_refund
from tests.stripe_sim.server import Fault


@pytest.fixture
def invoice(tenant, price):
    return owed_invoice(tenant, price)


@pytest.fixture
def note(tenant, invoice):
    """Only named by refunds here; its own life is tested with credit notes."""
    return CreditNote.objects.create(
        tenant=tenant,
        invoice=invoice,
        kind="goodwill",
        target="payment",
        reason="Test",
        refreshed_at=DECEMBER,
    )


@pytest.fixture
def paid(stripe_sim, tenant, invoice):
    add_card(stripe_sim, tenant)
    collect_invoice(invoice.pk, now=DECEMBER)
    work_off_orders(now=DECEMBER)
    return Payment.objects.get()


def refund(payment, note, **changes) -> Refund:
    arguments = {
        "amount_cents": 400,
        "reason": "Slow answers",
        "idempotency_key": "R1",
        "credit_note": note,
        "now": DECEMBER,
    }
    return refund_payment(payment.pk, **arguments | changes)


def test_it_works(stripe_sim, tenant, paid, note):
    made = refund(paid, note)
    assert made.status == "pending"

    work_off_orders(now=DECEMBER)

    made.refresh_from_db()
    (at_stripe,) = stripe_sim.store.all_of("refund")
    assert (made.status, made.provider_id) == ("succeeded", at_stripe["id"])
    assert at_stripe["amount"] == 400
    assert balances(tenant)["funds"] == 6_000_000_000
    assert refundable_cents(paid) == 600


def test_the_same_key_refunds_once(stripe_sim, paid, note):
    assert refund(paid, note) == refund(paid, note)

    work_off_orders(now=DECEMBER)

    assert len(stripe_sim.store.all_of("refund")) == 1


@pytest.mark.parametrize("fault", [Fault.ERROR_AFTER, Fault.LOST_AFTER])
def test_a_lost_answer_refunds_once(stripe_sim, tenant, paid, note, fault):
    refund(paid, note)
    stripe_sim.faults += [("POST /v1/refunds", fault)] * 3

    for minutes in range(0, 60, 10):
        work_off_orders(now=DECEMBER + timedelta(minutes=minutes))

    assert Refund.objects.get().status == "succeeded"
    assert len(stripe_sim.store.all_of("refund")) == 1
    assert balances(tenant)["funds"] == 6_000_000_000


def test_a_refund_that_comes_back_is_booked_back(stripe_sim, tenant, paid, note):
    made = refund(paid, note)
    work_off_orders(now=DECEMBER)
    fail_refund(stripe_sim.store, stripe_sim.store.all_of("refund")[0]["id"])

    deliver(stripe_sim)
    apply_all()

    made.refresh_from_db()
    assert made.status == "failed"
    assert balances(tenant)["funds"] == 10_000_000_000


def test_a_transfer_is_given_back_by_staff(tenant, invoice, note):
    payment = record_bank_transfer(
        tenant=tenant,
        amount_cents=1_000,
        invoice=invoice,
        note="",
        idempotency_key="T1",
        now=DECEMBER,
    )

    made = refund(payment, note)

    assert made.status == "succeeded"
    assert not StripeOrder.objects.exists()
    assert balances(tenant)["funds"] == 6_000_000_000


@pytest.mark.parametrize("amount_cents", [0, -1, 1_001])
def test_it_refuses_what_was_not_paid(paid, note, amount_cents):
    with pytest.raises(NotRefundableError):
        refund(paid, note, amount_cents=amount_cents)


def test_it_refuses_more_than_is_left(paid, note):
    refund(paid, note, amount_cents=700)

    with pytest.raises(NotRefundableError):
        refund(paid, note, amount_cents=301, idempotency_key="R2")


def test_it_refuses_a_key_that_names_another_refund(paid, note):
    refund(paid, note)

    with pytest.raises(IdempotencyKeyReusedError):
        refund(paid, note, amount_cents=401)


@pytest.fixture
def bought(stripe_sim, tenant):
    """25 USD of credit."""
    payment = start_payment(
        tenant=tenant,
        amount_cents=2_500,
        invoice=None,
        method=add_card(stripe_sim, tenant),
        idempotency_key="top-up-1",
        now=NOON,
    )
    work_off_orders(now=NOON)
    payment.refresh_from_db()
    return payment


@pytest.mark.parametrize(("comes_back", "credit"), [(False, 5), (True, 25)])
def test_unused_credit_is_given_back(stripe_sim, tenant, bought, comes_back, credit):
    made = refund(bought, None, amount_cents=2_000)
    assert credit_of(tenant) == 5_000_000_000
    work_off_orders(now=DECEMBER)
    made.refresh_from_db()
    assert made.status == "succeeded"
    assert balances(tenant)["funds"] == 5_000_000_000

    if comes_back:
        fail_refund(stripe_sim.store, made.provider_id)
        deliver(stripe_sim)
        apply_all()

    assert credit_of(tenant) == credit * 1_000_000_000
    assert balances(tenant)["funds"] == credit * 1_000_000_000


def test_it_refuses_credit_that_is_spent(tenant, price, bought):
    owed_invoice(tenant, price)  # draws 10 of the 25

    with pytest.raises(InvalidCreditError):
        refund(bought, None, amount_cents=1_501)

    assert not Refund.objects.exists()


def test_it_refuses_an_invoices_money_without_a_note(paid):
    with pytest.raises(NotRefundableError):
        refund(paid, None)
