"""Issued invoices are charged to the card that is kept."""

import pytest

from billing.models.payments import Payment
from billing.services.payments.close_payment_page import close_payment_page
from billing.services.payments.collect_invoice import (
    collect_invoice,
    collect_issued_invoices,
)
from billing.services.payments.open_payment_page import open_payment_page
from billing.services.payments.start_payment import start_payment
from tests.billing.paying import add_card, owed_invoice
from tests.billing.usage import DECEMBER
from tests.factories import make_tenant


@pytest.fixture
def invoice(tenant, price):
    return owed_invoice(tenant, price)


def test_it_works(stripe_sim, price, tenant, invoice):
    """Once, and of tenants who have a card."""
    add_card(stripe_sim, tenant)
    owed_invoice(make_tenant(name="Other"), price)

    assert collect_issued_invoices(now=DECEMBER) == 1
    assert collect_issued_invoices(now=DECEMBER) == 0

    payment = Payment.objects.get()
    assert (payment.invoice, payment.amount_cents) == (invoice, 1_000)


def test_a_page_that_was_left_does_not_keep_the_card_from_it(
    stripe_sim, tenant, invoice
):
    left = start_payment(
        tenant=tenant,
        amount_cents=1_000,
        invoice=invoice,
        method=None,
        idempotency_key="page-1",
        now=DECEMBER,
    )
    open_payment_page(
        left.pk, done_url="https://portal/", back_url="https://portal/", now=DECEMBER
    )
    add_card(stripe_sim, tenant)
    assert collect_issued_invoices(now=DECEMBER) == 0  # the page is open

    close_payment_page(left.pk, now=DECEMBER)

    assert collect_issued_invoices(now=DECEMBER) == 1


@pytest.mark.usefixtures("stripe_sim")
def test_without_a_card_nothing_begins(invoice):
    assert collect_invoice(invoice.pk, now=DECEMBER) is None
    assert collect_issued_invoices(now=DECEMBER) == 0


def test_too_little_for_a_card_is_left(stripe_sim, tenant, price):
    add_card(stripe_sim, tenant)
    invoice = owed_invoice(tenant, price, cents=49)

    assert collect_invoice(invoice.pk, now=DECEMBER) is None
    assert collect_issued_invoices(now=DECEMBER) == 0


def test_without_a_provider_nothing_begins(invoice):
    assert collect_invoice(invoice.pk, now=DECEMBER) is None
    assert collect_issued_invoices(now=DECEMBER) == 0
    assert not Payment.objects.exists()
