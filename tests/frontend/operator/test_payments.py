"""Payments as operators see them."""

from datetime import timedelta

import pytest
from django.utils import timezone

from billing.models.payments import Payment
from billing.models.provider import StripeEvent
from tests.frontend.believable_invoices import make_issued


@pytest.fixture
def issued(people, version, now):
    """12 USD are due."""
    return make_issued(people.tenant, version, now)


@pytest.fixture
def operator(people):
    return people.client("staff")


def record(operator, invoice, **typed):
    typed = {
        "amount": "12",
        "note": "TF 2026",
        "key": "d6a9d3a4-6b1f-4a6e-9c39-5d1b6f3d6a10",
        **typed,
    }
    return operator.post(f"/operator/invoices/{invoice.pk}/transfer/", typed)


def test_it_works(operator, issued):
    shown = operator.get(f"/operator/invoices/{issued.pk}/transfer/").content.decode()
    assert "12.00 USD" in shown

    record(operator, issued)

    issued.refresh_from_db()
    listed = operator.get("/operator/payments/").content.decode()
    assert issued.status == "paid"
    assert "TF 2026" in listed
    assert str(issued.number) in listed


def test_a_second_press_records_once(operator, issued):
    for _ in range(2):
        record(operator, issued, amount="5")

    assert Payment.objects.count() == 1


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"amount": "12.01"}, "more than is due"),
        ({"amount": "0"}, "Amount, USD"),
        ({"amount": "1.005"}, "whole cents"),
        ({"amount": "much"}, "form"),
    ],
)
def test_it_refuses(operator, issued, typed, words):
    response = record(operator, issued, **typed)

    assert response.status_code == 422
    assert words in response.content.decode()
    assert not Payment.objects.exists()


def test_it_refuses_whoever_is_no_staff(people, issued):
    assert record(people.client("owner"), issued).status_code == 403
    assert not Payment.objects.exists()


def test_an_event_with_a_problem_is_applied_again(operator):
    now = timezone.now()
    event = StripeEvent.objects.create(
        stripe_id="evt_1",
        type="plan.created",
        payload={"type": "plan.created", "data": {"object": {"id": "plan_1"}}},
        received_at=now,
        apply_after=now + timedelta(hours=3),
        tries=5,
        problem="ProviderUnavailableError: Stripe did not answer.",
    )
    assert (
        "Stripe did not answer." in operator.get("/operator/payments/").content.decode()
    )

    operator.post(f"/operator/payments/events/{event.pk}/replay/")

    event.refresh_from_db()
    assert event.problem == ""
    assert event.apply_after <= timezone.now()
