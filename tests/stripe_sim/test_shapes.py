"""The simulator answers in the shapes of the pinned SDK and of Stripe's examples."""

import pytest
import stripe

from tests.stripe_sim import payments, setups
from tests.stripe_sim.objects import CLASSES, example
from tests.stripe_sim.shapes import differences

PAGES = {"success_url": "https://portal/", "cancel_url": "https://portal/"}


@pytest.fixture
def lived(sim, client):
    """A store in which something of every kind happened."""
    v1 = client.v1
    tenant = v1.customers.create({"name": "Acme", "metadata": {"tenant": "7"}})
    setup = v1.checkout.sessions.create(
        {"mode": "setup", "customer": tenant.id, "currency": "usd", **PAGES}
    )
    _complete(sim, setup.id, "pm_card_visa")
    price = {"currency": "usd", "unit_amount": 900, "product_data": {"name": "Credit"}}
    paying = v1.checkout.sessions.create(
        {
            "mode": "payment",
            "customer": tenant.id,
            "line_items": [{"price_data": price, "quantity": 1}],
            **PAGES,
        }
    )
    _complete(sim, paying.id, "pm_card_createDispute")
    invoice = v1.invoices.create({"customer": tenant.id, "auto_advance": False})
    v1.invoice_items.create(
        {"customer": tenant.id, "invoice": invoice.id, "amount": 700}
    )
    v1.invoices.finalize_invoice(invoice.id)
    v1.invoices.pay(invoice.id, {"payment_method": "pm_card_visa"})
    for named in ("chargeCustomerFail", "authenticationRequired", "settledLate"):
        _try_to_pay(v1, tenant.id, f"pm_card_{named}")
    intent = next(one for one in v1.payment_intents.list() if one.amount == 700)
    refund = v1.refunds.create({"payment_intent": intent.id, "amount": 100})
    payments.fail_refund(sim.store, refund.id)
    v1.billing_portal.sessions.create({"customer": tenant.id})
    return sim.store


def _complete(sim, session_id, card):
    setups.complete_checkout(sim.store, session_id, card)


def _try_to_pay(v1, customer, method):
    order = {"amount": 500, "currency": "usd", "customer": customer, "confirm": True}
    try:
        v1.payment_intents.create({**order, "payment_method": method})
    except stripe.CardError as error:
        assert error.code == "card_declined"  # noqa: PT017  one of three is declined


@pytest.mark.parametrize("kind", sorted(CLASSES))
def test_every_object_has_the_types_of_the_sdk(lived, kind):
    made = [one for one in lived.objects.values() if one["object"] == kind]

    found = {one["id"]: list(differences(one, CLASSES[kind], kind)) for one in made}

    assert made
    assert {object_id: wrong for object_id, wrong in found.items() if wrong} == {}


NEWER = {
    "invoice": {"amount_overpaid", "payments"},
    "refund": {"failure_reason"},
    "charge": {"failure_code"},
}
"""Fields of the pinned API that the published examples do not have yet."""


@pytest.mark.parametrize("kind", sorted(CLASSES))
def test_no_object_has_a_field_that_the_examples_lack(lived, kind):
    made = [one for one in lived.objects.values() if one["object"] == kind]
    known = example(kind).keys() | NEWER.get(kind, set())

    assert {name for one in made for name in one} - known == set()


def test_what_is_sent_in_events_has_the_shape_too(lived):
    events = lived.all_of("event")
    subjects = [event["data"]["object"] for event in events]

    wrong = [
        one
        for subject in subjects
        for one in differences(subject, CLASSES[subject["object"]], subject["object"])
    ]

    assert wrong == []
    assert len({event["type"] for event in events}) >= 20


def test_a_wrong_shape_is_found():
    """Else the tests above would pass for any object."""
    refund = {**example("refund"), "amount": "100", "colour": "red"}

    assert [one.partition(":")[0] for one in differences(refund, stripe.Refund)] == [
        ".amount",
        ".colour",
    ]
    intent = {**example("payment_intent"), "status": "half_paid"}
    assert any("half_paid" in one for one in differences(intent, stripe.PaymentIntent))
