"""Webhooks are kept at once; only the present state of what they name counts."""

import json
import random
from datetime import timedelta

import pytest
import stripe
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from billing.models.invoices import Invoice
from billing.models.ledger import LedgerTransaction
from billing.models.payments import Payment, PaymentMethod
from billing.models.provider import StripeEvent, StripeInvoice, StripeOrder
from billing.services.payments.apply_stripe_events import apply_stripe_events
from billing.services.payments.collect_invoice import collect_invoice
from billing.services.payments.open_payment_page import open_payment_page
from billing.services.payments.replay_stripe_events import replay_stripe_events
from billing.services.payments.start_payment import start_payment
from billing.services.payments.work_off_order import work_off_orders
from tests.billing.paying import (
    add_card,
    complete_newest_page,
    deliver,
    owed_invoice,
)
from tests.billing.usage import DECEMBER, balances
from tests.factories import make_tenant
from tests.stripe_sim.payments import settle
from tests.stripe_sim.refusals import RefusalError
from tests.stripe_sim.setups import expire_checkout
from tests.stripe_sim.webhooks import sign

URLS = {"done_url": "https://portal/done/", "back_url": "https://portal/"}


@pytest.fixture
def invoice(tenant, price):
    return owed_invoice(tenant, price)


def apply_all() -> None:
    """Also what was put off."""
    for hours in range(8):
        apply_stripe_events(now=timezone.now() + timedelta(hours=hours))


def page_payment(tenant, invoice=None, cents: int = 1_000) -> Payment:
    """Started, and its page open."""
    payment = start_payment(
        tenant=tenant,
        amount_cents=cents,
        invoice=invoice,
        method=None,
        idempotency_key=f"page-{Payment.objects.count()}",
        now=timezone.now(),
    )
    open_payment_page(payment.pk, now=timezone.now(), **URLS)
    payment.refresh_from_db()
    return payment


def status_of(payment: Payment) -> str:
    return Payment.objects.get(pk=payment.pk).status


def test_it_works(stripe_sim, tenant, invoice):
    """Paid on Stripe's page, and confirmed with the bank."""
    payment = page_payment(tenant, invoice)
    assert payment.status == "requires_action"

    complete_newest_page(stripe_sim, "pm_card_visa")
    deliver(stripe_sim)
    apply_all()

    invoice.refresh_from_db()
    assert (status_of(payment), invoice.status) == ("succeeded", "paid")
    assert balances(tenant)["receivable"] == 0
    assert not StripeEvent.objects.unapplied()
    assert set(StripeEvent.objects.values_list("api_version", flat=True)) == {
        stripe.api_version
    }


def test_the_card_that_paid_is_kept(stripe_sim, tenant, invoice):
    page_payment(tenant, invoice)
    complete_newest_page(stripe_sim, "pm_card_mastercard")

    deliver(stripe_sim)
    apply_all()

    card = PaymentMethod.objects.get(tenant=tenant, is_default=True)
    assert (card.brand, card.last4) == ("mastercard", "4444")


def test_a_declined_card_on_the_page_leaves_it_open(stripe_sim, tenant, invoice):
    payment = page_payment(tenant, invoice)
    with pytest.raises(RefusalError):
        complete_newest_page(stripe_sim, "pm_card_chargeCustomerFail")
    deliver(stripe_sim)
    apply_all()
    assert status_of(payment) == "requires_action"

    complete_newest_page(stripe_sim, "pm_card_visa")
    deliver(stripe_sim)
    apply_all()

    assert status_of(payment) == "succeeded"


@pytest.mark.parametrize(
    ("is_tried", "status"), [(False, "canceled"), (True, "failed")]
)
def test_a_page_that_nobody_used_ends(stripe_sim, tenant, invoice, is_tried, status):
    payment = page_payment(tenant, invoice)
    if is_tried:
        with pytest.raises(RefusalError):
            complete_newest_page(stripe_sim, "pm_card_chargeCustomerFail")
    expire_checkout(stripe_sim.store, payment.provider_id, {})

    deliver(stripe_sim)
    apply_all()

    assert status_of(payment) == status


def test_a_repeat_is_kept_once(stripe_sim, tenant, invoice):
    page_payment(tenant, invoice)
    stripe_sim.webhooks.repeats_max = 3
    complete_newest_page(stripe_sim, "pm_card_visa")

    deliver(stripe_sim)

    sent = stripe_sim.store.all_of("event")
    assert StripeEvent.objects.count() == len(sent)


@pytest.mark.parametrize(
    ("secret", "age_seconds", "status"),
    [("whsec_sim", 0, 200), ("whsec_sim", 400, 400), ("whsec_other", 0, 400)],
)
def test_it_refuses_what_stripe_did_not_sign(
    stripe_sim, db, secret, age_seconds, status
):
    del db
    stripe_sim.store.emit("customer.created", {"id": "cus_1", "object": "customer"})
    body = json.dumps(stripe_sim.store.all_of("event")[0]).encode()
    signature = sign(body, secret, stripe_sim.clock.now - age_seconds)

    answer = Client().post(
        "/stripe/webhook",
        data=body,
        content_type="application/json",
        headers={"stripe-signature": signature},
    )

    assert answer.status_code == status
    assert StripeEvent.objects.count() == (status == 200)


def test_it_refuses_what_is_no_webhook(stripe_sim, db):
    del stripe_sim, db
    assert Client().get("/stripe/webhook").status_code == 405
    assert Client().post("/stripe/webhook").status_code == 400


def test_what_cannot_be_applied_says_why_and_can_be_replayed(
    stripe_sim, tenant, invoice, settings
):
    payment = page_payment(tenant, invoice)
    complete_newest_page(stripe_sim, "pm_card_visa")
    deliver(stripe_sim)
    settings.STRIPE_API_BASE = "http://127.0.0.1:1"
    apply_stripe_events(now=timezone.now())
    kept = StripeEvent.objects.get(type="payment_intent.succeeded")
    assert kept.problem == "ProviderUnavailableError: Stripe did not answer."
    assert kept.applied_at is None
    settings.STRIPE_API_BASE = stripe_sim.url

    call_command("replay_stripe_events", kept.stripe_id)

    kept.refresh_from_db()
    assert kept.problem == ""
    assert kept.applied_at is not None
    assert status_of(payment) == "succeeded"


def test_replaying_everything_changes_nothing(stripe_sim, tenant, invoice):
    page_payment(tenant, invoice)
    complete_newest_page(stripe_sim, "pm_card_visa")
    deliver(stripe_sim)
    apply_all()
    before = _end_state(tenant)

    chosen = replay_stripe_events(now=timezone.now(), since=DECEMBER.replace(year=2020))
    apply_all()

    assert chosen == StripeEvent.objects.count() > 5
    assert _end_state(tenant) == before


def test_what_is_paid_at_stripe_itself_counts(stripe_sim, tenant, invoice):
    """On the page of the copied invoice, after our own try had failed."""
    add_card(stripe_sim, tenant, "pm_card_chargeCustomerFail")
    collect_invoice(invoice.pk, now=DECEMBER)
    work_off_orders(now=DECEMBER)
    copy = StripeInvoice.objects.get()

    status, _ = stripe_sim.respond(
        "POST",
        f"/v1/invoices/{copy.stripe_id}/pay",
        body="payment_method=pm_card_visa",
        key=None,
    )
    deliver(stripe_sim)
    apply_all()

    invoice.refresh_from_db()
    assert (status, invoice.status) == (200, "paid")
    assert sorted(Payment.objects.values_list("status", flat=True)) == [
        "failed",
        "succeeded",
    ]


def test_another_databases_payment_is_left_alone(stripe_sim, tenant, invoice):
    """One Stripe account may serve two of ours by mistake: numbers repeat."""
    payment = page_payment(tenant, invoice)
    stripe_sim.respond(
        "POST",
        "/v1/payment_intents",
        body=(
            "amount=777&currency=usd&payment_method=pm_card_visa&confirm=true"
            f"&metadata[tokenfab_payment]={payment.pk}"
        ),
        key=None,
    )

    deliver(stripe_sim)
    apply_all()

    assert status_of(payment) == "requires_action"
    assert not StripeEvent.objects.unapplied()


def _end_state(tenant) -> dict[str, object]:
    invoices = Invoice.objects.filter(tenant=tenant).order_by("pk")
    payments = Payment.objects.filter(tenant=tenant).order_by("pk")
    booked = LedgerTransaction.objects.filter(tenant=tenant).order_by("kind")
    return {
        "invoices": list(invoices.values_list("status", flat=True)),
        "payments": list(payments.values_list("status", flat=True)),
        "booked": list(booked.values_list("kind", flat=True)),
        "balances": balances(tenant),
    }


SCHEDULES = 8
"""60 were run once; 10,000 of the rule alone are in tests/billing/domain."""


@pytest.mark.slow
def test_every_schedule_of_deliveries_comes_to_the_same_end(stripe_sim, price):
    """Slow: whole stories. A card is declined, another pays on a page, a third charge
    is processed for long; events come late, twice and in any order, between the acts
    and after them.
    """
    seed = random.randrange(10**9)  # noqa: S311  a schedule, not a secret
    found: dict[str, int] = {}
    for number in range(SCHEDULES):
        tenant = make_tenant(name=f"Tenant {number}")
        chance = random.Random(f"{seed}-{number}")  # noqa: S311
        _live(stripe_sim, tenant, price, chance)
        end = json.dumps(_end_state(tenant), sort_keys=True)
        found.setdefault(end, number)

    assert len(found) == 1, f"seed {seed}: {found}"
    (end,) = found
    assert json.loads(end)["invoices"] == ["paid"]
    assert json.loads(end)["payments"] == ["failed", "succeeded", "succeeded"]


def _live(sim, tenant, price, chance: random.Random) -> None:
    sim.webhooks.chance = chance
    sim.webhooks.delay_seconds_max, sim.webhooks.repeats_max = 7200, 2
    invoice = owed_invoice(tenant, price)
    add_card(sim, tenant, "pm_card_chargeCustomerFail")
    collect_invoice(invoice.pk, now=DECEMBER)
    work_off_orders(now=DECEMBER)
    _let_pass(sim, chance)
    page_payment(tenant, invoice)
    complete_newest_page(sim, "pm_card_visa")
    _let_pass(sim, chance)
    late = page_payment(tenant, None, 2_500)
    complete_newest_page(sim, "pm_card_settledLate")
    _let_pass(sim, chance)
    intent = next(
        one
        for one in sim.store.all_of("payment_intent")
        if one["metadata"].get("tokenfab_payment") == str(late.pk)
    )
    settle(sim.store, intent["id"], is_paid=True)
    deliver(sim)
    apply_all()


def _let_pass(sim, chance: random.Random) -> None:
    """Some time, in which some events come and perhaps are applied."""
    sim.clock.advance(chance.randint(0, 4000))
    client = Client()

    def endpoint(body: bytes, signature: str) -> int:
        if chance.random() < 0.2:
            return 503
        answer = client.post(
            "/stripe/webhook",
            data=body,
            content_type="application/json",
            headers={"stripe-signature": signature},
        )
        return answer.status_code

    sim.webhooks.deliver_due(endpoint)
    if chance.random() < 0.7:
        apply_stripe_events(now=timezone.now())
    if chance.random() < 0.3:
        StripeOrder.objects.open().update(try_after=DECEMBER)
        work_off_orders(now=DECEMBER)
