"""A payment by card begins, or is refused with the reason."""

from typing import Any

import pytest

from billing.errors import (
    CardPaymentsOffError,
    IdempotencyKeyReusedError,
    InvalidAmountError,
    NothingDueError,
    PaymentInProgressError,
)
from billing.models.payments import Payment
from billing.models.provider import StripeOrder
from billing.services.payments.record_bank_transfer import record_bank_transfer
from billing.services.payments.start_payment import start_payment
from tests.billing.paying import owed_invoice
from tests.billing.usage import DECEMBER
from tests.parallel import in_parallel


@pytest.fixture
def invoice(tenant, price):
    return owed_invoice(tenant, price)


def start(owed, **changes) -> Payment:
    arguments: dict[str, Any] = {
        "tenant": owed.tenant,
        "amount_cents": 1_000,
        "invoice": owed,
        "method": None,
        "idempotency_key": "P1",
        "now": DECEMBER,
    }
    return start_payment(**arguments | changes)


@pytest.mark.usefixtures("stripe_sim")
def test_it_works(invoice):
    payment = start(invoice)

    order = StripeOrder.objects.get()
    assert (payment.status, payment.kind) == ("pending", "card")
    assert (order.payment, order.try_after, order.tries) == (payment, DECEMBER, 0)


@pytest.mark.usefixtures("stripe_sim")
def test_the_same_key_begins_once(invoice):
    assert start(invoice) == start(invoice)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("stripe_sim", "valkey")
def test_of_two_at_once_one_begins(invoice):
    """Both might succeed."""

    def one(key: str) -> bool:
        try:
            start(invoice, idempotency_key=key)
        except PaymentInProgressError:
            return False
        return True

    assert sorted(in_parallel(lambda: one("P1"), lambda: one("P2"))) == [False, True]


@pytest.mark.usefixtures("stripe_sim")
@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"amount_cents": 49}, InvalidAmountError),
        ({"amount_cents": 1_001}, InvalidAmountError),
        ({"invoice": None, "amount_cents": 0}, InvalidAmountError),
        ({"invoice": None, "amount_cents": 2**60}, InvalidAmountError),
    ],
)
def test_it_refuses(invoice, changes, error):
    with pytest.raises(error):
        start(invoice, **changes)

    assert not Payment.objects.exists()


@pytest.mark.usefixtures("stripe_sim")
def test_it_refuses_what_is_paid(invoice):
    record_bank_transfer(
        tenant=invoice.tenant,
        amount_cents=1_000,
        invoice=invoice,
        note="",
        idempotency_key="T1",
        now=DECEMBER,
    )

    with pytest.raises(NothingDueError):
        start(invoice)


@pytest.mark.usefixtures("stripe_sim")
def test_it_refuses_a_key_that_names_another_payment(invoice):
    start(invoice)

    with pytest.raises(IdempotencyKeyReusedError):
        start(invoice, amount_cents=999)


def test_it_refuses_without_a_provider(invoice):
    with pytest.raises(CardPaymentsOffError):
        start(invoice)
