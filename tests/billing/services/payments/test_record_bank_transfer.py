"""Staff record what came by bank."""

from typing import Any

import pytest

from billing.errors import (
    IdempotencyKeyReusedError,
    InvalidAmountError,
    NothingDueError,
)
from billing.models.payments import Payment
from billing.services.credit.credit_of import credit_of
from billing.services.payments.record_bank_transfer import record_bank_transfer
from billing.services.rating.rate_usage import rate_usage
from tenants.models import Restriction
from tenants.services.set_restriction import set_restriction
from tests.billing.paying import owed_invoice
from tests.billing.usage import DECEMBER, balances, draft_of, use
from tests.parallel import in_parallel


@pytest.fixture
def invoice(tenant, price):
    return owed_invoice(tenant, price)


def record(owed, **changes) -> Payment:
    arguments: dict[str, Any] = {
        "tenant": owed.tenant,
        "amount_cents": 1_000,
        "invoice": owed,
        "note": "TF 2026",
        "idempotency_key": "T1",
        "now": DECEMBER,
    }
    return record_bank_transfer(**arguments | changes)


def test_it_works(tenant, invoice):
    payment = record(invoice)

    invoice.refresh_from_db()
    assert (payment.status, payment.kind) == ("succeeded", "bank_transfer")
    assert (invoice.status, invoice.settled_at) == ("paid", DECEMBER)
    assert balances(tenant)["receivable"] == 0
    assert balances(tenant)["funds"] == 10_000_000_000


def test_the_same_key_is_booked_once(tenant, invoice):
    assert record(invoice) == record(invoice)

    assert balances(tenant)["funds"] == 10_000_000_000


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("valkey")
def test_the_same_key_at_the_same_time_is_booked_once(tenant, invoice):
    payments = in_parallel(*[lambda: record(invoice)] * 4)

    assert len({payment.pk for payment in payments}) == 1
    assert balances(tenant)["funds"] == 10_000_000_000


def test_less_than_is_due_leaves_the_rest_due(tenant, invoice):
    record(invoice, amount_cents=400)

    invoice.refresh_from_db()
    assert invoice.status == "issued"
    assert balances(tenant)["receivable"] == 6_000_000_000

    record(invoice, amount_cents=600, idempotency_key="T2")

    invoice.refresh_from_db()
    assert invoice.status == "paid"


def test_without_an_invoice_it_is_credit(tenant, invoice):
    record(invoice, invoice=None, amount_cents=2_500)

    assert credit_of(tenant) == 25_000_000_000
    assert balances(tenant)["receivable"] == 10_000_000_000


def test_a_restriction_is_lifted_at_once(tenant, invoice):
    set_restriction(tenant_id=tenant.pk, restriction=Restriction.NO_CALLS)

    record(invoice)

    tenant.refresh_from_db()
    assert tenant.restriction == Restriction.NONE


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"amount_cents": 0}, InvalidAmountError),
        ({"amount_cents": -5}, InvalidAmountError),
        ({"amount_cents": 1_001}, InvalidAmountError),
        ({"amount_cents": 2**60}, InvalidAmountError),
        ({"note": "x" * 201}, InvalidAmountError),
    ],
)
def test_it_refuses(tenant, invoice, changes, error):
    with pytest.raises(error):
        record(invoice, **changes)

    assert not Payment.objects.filter(tenant=tenant).exists()


def test_it_refuses_more_for_what_is_paid(invoice):
    record(invoice)

    with pytest.raises(NothingDueError):
        record(invoice, amount_cents=1, idempotency_key="T2")


def test_it_refuses_a_draft(tenant, price, invoice):
    use(tenant, price, 25_000_000, hour_at=DECEMBER)
    rate_usage(now=DECEMBER)

    with pytest.raises(NothingDueError):
        record(invoice, invoice=draft_of(tenant, DECEMBER))


def test_it_refuses_a_key_that_names_another_payment(invoice):
    record(invoice, amount_cents=400)

    with pytest.raises(IdempotencyKeyReusedError):
        record(invoice, amount_cents=500)
