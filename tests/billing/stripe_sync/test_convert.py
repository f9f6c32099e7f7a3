"""Stripe's objects, of this API version and of older ones, in our words."""

from typing import Any

import pytest

from billing.domain.payments import RefundTold, Told
from billing.stripe_sync.convert import (
    card_of,
    dispute_of,
    intents_of_invoice,
    payment_of,
    payment_of_session,
    refund_of,
    subject_of_event,
)
from tests.stripe_sim.objects import example, make

ERROR = {"code": "card_declined", "decline_code": "insufficient_funds"}


def intent(status: str, **fields: Any) -> dict[str, Any]:
    return make(
        "payment_intent",
        **{"status": status, "metadata": {"tokenfab_payment": "7"}, **fields},
    )


@pytest.mark.parametrize(
    ("found", "told", "code"),
    [
        (intent("succeeded"), Told.SUCCEEDED, ""),
        (intent("processing"), Told.PENDING, ""),
        (intent("requires_confirmation"), Told.PENDING, ""),
        (intent("requires_capture"), Told.PENDING, ""),
        (intent("requires_action"), Told.REQUIRES_ACTION, ""),
        (
            intent("requires_payment_method", last_payment_error=ERROR),
            Told.FAILED,
            "insufficient_funds",
        ),
        (intent("canceled"), Told.CANCELED, ""),
        (
            intent("canceled", last_payment_error=ERROR),
            Told.FAILED,
            "insufficient_funds",
        ),
    ],
)
def test_payments(found, told, code):
    payment = payment_of(found)

    assert (payment.told, payment.failure_code) == (told, code)
    assert (payment.payment_id, payment.amount_cents) == (7, 1099)


def test_a_card_that_is_declined_on_a_page_may_be_followed_by_another():
    metadata = {"tokenfab_payment": "7", "tokenfab_via": "checkout"}
    found = intent(
        "requires_payment_method", metadata=metadata, last_payment_error=ERROR
    )

    assert payment_of(found).told is Told.REQUIRES_ACTION


@pytest.mark.parametrize(
    ("status", "paid_by", "told"),
    [
        ("open", None, Told.REQUIRES_ACTION),
        ("expired", None, Told.CANCELED),
        ("expired", intent("canceled", last_payment_error=ERROR), Told.FAILED),
        ("expired", intent("succeeded"), Told.SUCCEEDED),
        ("complete", intent("succeeded"), Told.SUCCEEDED),
        ("complete", intent("processing"), Told.PENDING),
    ],
)
def test_pages(status, paid_by, told):
    metadata = {"tokenfab_payment": "7"}
    session = make(
        "checkout.session",
        mode="payment",
        status=status,
        payment_intent=paid_by,
        amount_total=1099,
        metadata=metadata,
    )

    found = payment_of_session(session)

    assert found is not None
    assert (found.told, found.payment_id, found.amount_cents) == (told, 7, 1099)


def test_a_page_that_adds_a_card_pays_nothing():
    assert payment_of_session(make("checkout.session", mode="setup")) is None


def test_a_payment_of_somebody_else_has_no_number_of_ours():
    for metadata in ({}, {"tokenfab_payment": "x"}, {"tokenfab_payment": ""}):
        assert payment_of(intent("succeeded", metadata=metadata)).payment_id is None


@pytest.mark.parametrize(
    ("status", "told"),
    [
        ("pending", RefundTold.PENDING),
        ("requires_action", RefundTold.PENDING),
        ("succeeded", RefundTold.SUCCEEDED),
        ("failed", RefundTold.FAILED),
        ("canceled", RefundTold.FAILED),
    ],
)
def test_refunds(status, told):
    assert refund_of(make("refund", status=status)).told is told


@pytest.mark.parametrize(
    ("status", "ends"),
    [
        ("needs_response", (False, False)),
        ("under_review", (False, False)),
        ("won", (True, False)),
        ("warning_closed", (True, False)),
        ("lost", (False, True)),
    ],
)
def test_disputes(status, ends):
    found = dispute_of(make("dispute", status=status))

    assert (found.is_won, found.is_lost) == ends


def test_cards():
    found = card_of(example("payment_method"))

    assert (found.brand, found.last4) == ("visa", "4242")
    assert (found.expires_month, found.expires_year) == (8, 2030)


OLD_INVOICE = {"id": "in_1", "object": "invoice", "payment_intent": "pi_old"}
NEW_INVOICE = {
    "id": "in_1",
    "object": "invoice",
    "payments": {
        "data": [
            {"payment": {"type": "payment_intent", "payment_intent": "pi_new"}},
            {"payment": {"type": "charge", "charge": "ch_1"}},
        ]
    },
}


def test_invoices_of_both_shapes_name_what_paid_them():
    """openscience#475: paid at Stripe, and nothing came of it when shapes changed."""
    assert intents_of_invoice(OLD_INVOICE) == ["pi_old"]
    assert intents_of_invoice({**OLD_INVOICE, "payment_intent": {"id": "pi_old"}}) == [
        "pi_old"
    ]
    assert intents_of_invoice(NEW_INVOICE) == ["pi_new"]
    assert intents_of_invoice({"id": "in_1", "payment_intent": None}) == []


CASES = [
    ("payment_intent.succeeded", {"id": "pi_1"}, ("payment_intent", "pi_1")),
    (
        "charge.refunded",
        {"id": "ch_1", "payment_intent": "pi_1"},
        ("payment_intent", "pi_1"),
    ),
    ("charge.failed", {"id": "ch_1", "payment_intent": None}, None),
    ("charge.dispute.created", {"id": "dp_1"}, ("dispute", "dp_1")),
    ("charge.refund.updated", {"id": "re_1"}, ("refund", "re_1")),
    ("refund.failed", {"id": "re_1"}, ("refund", "re_1")),
    ("checkout.session.completed", {"id": "cs_1"}, ("checkout.session", "cs_1")),
    ("invoice.paid", OLD_INVOICE, ("invoice", "in_1")),
    ("invoice.payment_failed", NEW_INVOICE, ("invoice", "in_1")),
    (
        "invoice_payment.paid",
        {"id": "inpay_1", "payment": {"payment_intent": "pi_1"}},
        ("payment_intent", "pi_1"),
    ),
    ("customer.updated", {"id": "cus_1", "object": "customer"}, ("customer", "cus_1")),
    (
        "payment_method.attached",
        {"id": "pm_1", "object": "payment_method", "customer": "cus_1"},
        ("customer", "cus_1"),
    ),
    (
        "setup_intent.succeeded",
        {"id": "seti_1", "object": "setup_intent", "customer": None},
        None,
    ),
    ("plan.created", {"id": "plan_1"}, None),
    ("invoiceitem.created", {"id": "ii_1"}, None),
]


@pytest.mark.parametrize(("name", "found", "subject"), CASES)
def test_what_an_event_is_about(name, found, subject):
    about = subject_of_event({"type": name, "data": {"object": found}})

    assert (about and (about.kind, about.provider_id)) == subject


def test_a_card_that_was_taken_away_names_the_tenant_it_had():
    event = {
        "type": "payment_method.detached",
        "data": {
            "object": {"id": "pm_1", "object": "payment_method", "customer": None},
            "previous_attributes": {"customer": "cus_1"},
        },
    }

    about = subject_of_event(event)

    assert about is not None
    assert about.provider_id == "cus_1"
