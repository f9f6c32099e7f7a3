"""The simulator as the SDK meets it."""

from typing import Any

import pytest
import stripe

from tests.stripe_sim import payments, setups
from tests.stripe_sim.conftest import client_of
from tests.stripe_sim.refusals import RefusalError
from tests.stripe_sim.server import Fault

ORDER: Any = {
    "amount": 500,
    "currency": "usd",
    "payment_method": "pm_card_visa",
    "confirm": True,
}
CREATE = "POST /v1/payment_intents"


def test_it_works(client):
    paid = client.v1.payment_intents.create({**ORDER, "metadata": {"payment": "7"}})

    found = client.v1.payment_intents.retrieve(paid.id)
    assert (found.status, found.amount_received) == ("succeeded", 500)
    assert found.metadata["payment"] == "7"


def test_a_key_that_comes_again_gets_the_first_answer(sim, client):
    options = {"idempotency_key": "payment-7"}

    first = client.v1.payment_intents.create(ORDER, options)
    again = client.v1.payment_intents.create(ORDER, options)

    assert first.id == again.id
    assert len(sim.store.all_of("payment_intent")) == 1


def test_it_refuses_a_key_with_other_parameters(client):
    options = {"idempotency_key": "payment-7"}
    client.v1.payment_intents.create(ORDER, options)

    with pytest.raises(stripe.IdempotencyError):
        client.v1.payment_intents.create({**ORDER, "amount": 501}, options)


def test_a_decline_is_remembered_under_its_key_too(sim, client):
    order = {**ORDER, "payment_method": "pm_card_chargeCustomerFail"}

    for _ in range(2):
        with pytest.raises(stripe.CardError) as caught:
            client.v1.payment_intents.create(order, {"idempotency_key": "k"})
        body: Any = caught.value.json_body
        assert body["error"]["decline_code"] == "generic_decline"

    assert len(sim.store.all_of("payment_intent")) == 1


@pytest.mark.parametrize(
    ("card", "code"),
    [
        ("pm_card_chargeCustomerFail", "card_declined"),
        ("pm_card_visa_chargeDeclinedInsufficientFunds", "card_declined"),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card"),
        ("pm_card_authenticationRequired", "authentication_required"),
    ],
)
def test_it_declines(client, card, code):
    with pytest.raises(stripe.CardError) as caught:
        client.v1.payment_intents.create(
            {**ORDER, "payment_method": card, "off_session": True}
        )

    body: Any = caught.value.json_body
    intent = body["error"]["payment_intent"]
    assert caught.value.code == code
    assert intent["status"] == "requires_payment_method"


@pytest.mark.parametrize(
    ("is_right", "status"), [(True, "succeeded"), (False, "requires_payment_method")]
)
def test_a_bank_asks_the_person(sim, client, is_right, status):
    asked = client.v1.payment_intents.create(
        {**ORDER, "payment_method": "pm_card_authenticationRequired"}
    )
    assert asked.status == "requires_action"

    payments.authenticate(sim.store, asked.id, is_right=is_right)

    assert client.v1.payment_intents.retrieve(asked.id).status == status


def test_a_payment_fails_late(sim, client):
    order = {**ORDER, "payment_method": "pm_card_settledLate"}
    late = client.v1.payment_intents.create(order)
    assert late.status == "processing"

    payments.settle(sim.store, late.id, is_paid=False)

    found = client.v1.payment_intents.retrieve(late.id)
    assert found.last_payment_error.code == "processing_error"


def test_an_invoice_from_draft_to_paid(client):
    v1 = client.v1
    customer = v1.customers.create({"name": "Acme"}).id
    invoice = v1.invoices.create({"customer": customer, "auto_advance": False})
    for amount in (300, 200, -50):
        v1.invoice_items.create(
            {"customer": customer, "invoice": invoice.id, "amount": amount}
        )
    intent = v1.payment_intents.create({**ORDER, "amount": 450, "customer": customer})

    opened = v1.invoices.finalize_invoice(invoice.id)
    paid = v1.invoices.attach_payment(invoice.id, {"payment_intent": intent.id})

    assert (opened.status, opened.amount_due) == ("open", 450)
    assert (paid.status, paid.amount_paid, paid.amount_remaining) == ("paid", 450, 0)
    assert len(v1.invoices.line_items.list(invoice.id).data) == 3
    with pytest.raises(stripe.InvalidRequestError):
        v1.invoices.void_invoice(invoice.id)


def test_a_page_for_paying_lets_the_person_try_another_card(sim, client):
    session = client.v1.checkout.sessions.create(
        {
            "mode": "payment",
            "success_url": "https://portal/",
            "line_items": [
                {
                    "quantity": 2,
                    "price_data": {
                        "currency": "usd",
                        "unit_amount": 250,
                        "product_data": {"name": "Credit"},
                    },
                }
            ],
            "payment_intent_data": {"metadata": {"payment": "7"}},
        }
    )
    assert session.payment_intent is None

    with pytest.raises(RefusalError):
        setups.complete_checkout(sim.store, session.id, "pm_card_chargeCustomerFail")
    setups.complete_checkout(sim.store, session.id, "pm_card_visa")

    done = client.v1.checkout.sessions.retrieve(session.id)
    intent = client.v1.payment_intents.retrieve(done.payment_intent)
    assert (done.status, done.payment_status) == ("complete", "paid")
    assert (intent.amount_received, intent.metadata["payment"]) == (500, "7")


def test_it_refuses_a_parameter_that_the_pinned_api_does_not_have(client):
    with pytest.raises(stripe.InvalidRequestError, match="unknown parameter"):
        client.v1.payment_intents.create({**ORDER, "payment_method_types": ["card"]})


def test_no_more_is_refunded_than_was_paid(client):
    intent = client.v1.payment_intents.create(ORDER)
    client.v1.refunds.create({"payment_intent": intent.id, "amount": 400})

    with pytest.raises(stripe.InvalidRequestError, match="greater than"):
        client.v1.refunds.create({"payment_intent": intent.id, "amount": 101})

    assert client.v1.refunds.create({"payment_intent": intent.id}).amount == 100


def test_lists_come_in_pages_newest_first(client):
    made = [client.v1.customers.create({"name": str(n)}).id for n in range(5)]

    first = client.v1.customers.list({"limit": 2})

    assert [one.id for one in first.data] == made[:2:-1]
    assert first.has_more
    assert [one.id for one in first.auto_paging_iter()] == made[::-1]


def test_it_refuses_a_stranger_and_what_is_not_there(sim, client):
    with pytest.raises(stripe.InvalidRequestError, match="No such customer"):
        client.v1.customers.retrieve("cus_gone")
    stranger = stripe.StripeClient("sk_test_other", base_addresses={"api": sim.url})
    with pytest.raises(stripe.AuthenticationError):
        stranger.v1.customers.list()


@pytest.mark.parametrize(
    ("fault", "made"),
    [(Fault.ERROR_BEFORE, 0), (Fault.ERROR_AFTER, 1), (Fault.LOST_AFTER, 1)],
)
def test_faults(sim, client, fault, made):
    sim.faults.append((CREATE, fault))

    with pytest.raises((stripe.APIError, stripe.APIConnectionError)):
        client.v1.payment_intents.create(ORDER)

    assert len(sim.store.all_of("payment_intent")) == made


@pytest.mark.parametrize("fault", [Fault.LOST_BEFORE, Fault.LOST_AFTER])
def test_the_sdk_tries_again_and_pays_once(sim, fault):
    sim.faults.append((CREATE, fault))

    paid = client_of(sim, retries=2).v1.payment_intents.create(ORDER)

    assert paid.status == "succeeded"
    assert sim.count(CREATE) == 2
    assert len(sim.store.all_of("payment_intent")) == 1


def test_an_error_is_remembered_for_a_day(sim, client):
    """With the key it is 500 again, although it was done."""
    sim.faults.append((CREATE, Fault.ERROR_AFTER))
    for _ in range(2):
        with pytest.raises(stripe.APIError):
            client.v1.payment_intents.create(ORDER, {"idempotency_key": "k"})

    sim.clock.advance(86_401)

    assert client.v1.payment_intents.create(ORDER, {"idempotency_key": "k"}).id
    assert len(sim.store.all_of("payment_intent")) == 2
