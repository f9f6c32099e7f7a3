"""A cardholder disputes a payment."""

import pytest

from billing.models.payments import Payment
from billing.models.provider import Chargeback, StripeEvent
from billing.services.credit.credit_of import credit_of
from billing.services.invoices.settle_invoice import due_cents
from billing.services.payments.collect_invoice import collect_invoice
from billing.services.payments.record_bank_transfer import record_bank_transfer
from billing.services.payments.start_payment import start_payment
from billing.services.payments.work_off_order import work_off_orders
from tests.billing.paying import add_card, deliver, owed_invoice
from tests.billing.services.payments.test_apply_stripe_events import apply_all
from tests.billing.usage import DECEMBER, NOON, balances
from tests.stripe_sim.payments import close_dispute, open_dispute


@pytest.fixture
def invoice(tenant, price):
    return owed_invoice(tenant, price)


@pytest.fixture
def disputed(stripe_sim, tenant, invoice):
    """Paid, and disputed at once."""
    add_card(stripe_sim, tenant, "pm_card_createDispute")
    collect_invoice(invoice.pk, now=DECEMBER)
    work_off_orders(now=DECEMBER)
    deliver(stripe_sim)
    apply_all()
    return Payment.objects.get()


def close(sim, *, is_won: bool) -> None:
    (dispute,) = sim.store.all_of("dispute")
    close_dispute(sim.store, dispute["id"], is_won=is_won)
    deliver(sim)
    apply_all()


def test_it_works(tenant, invoice, disputed):
    """The bank took the money: it is owed again."""
    invoice.refresh_from_db()
    assert (disputed.status, invoice.status) == ("reversed", "issued")
    assert Chargeback.objects.get().status == "open"
    assert balances(tenant)["receivable"] == 10_000_000_000
    assert balances(tenant)["funds"] == 0


@pytest.mark.parametrize(
    ("is_won", "statuses"),
    [
        (True, ("won", "succeeded", "paid", 0)),
        (False, ("lost", "reversed", "issued", 10_000_000_000)),
    ],
)
def test_its_end(stripe_sim, invoice, disputed, is_won, statuses):
    close(stripe_sim, is_won=is_won)

    disputed.refresh_from_db()
    invoice.refresh_from_db()
    chargeback = Chargeback.objects.get()
    owed = balances(invoice.tenant)["receivable"]
    assert (chargeback.status, disputed.status, invoice.status, owed) == statuses
    assert chargeback.closed_at is not None


def test_a_repeat_changes_nothing(stripe_sim, tenant, disputed):
    close(stripe_sim, is_won=True)
    StripeEvent.objects.update(applied_at=None, apply_after=DECEMBER.replace(year=2020))

    apply_all()

    disputed.refresh_from_db()
    assert disputed.status == "succeeded"
    assert balances(tenant)["receivable"] == 0


@pytest.fixture
def top_up(stripe_sim, tenant):
    """25 USD of credit."""
    card = add_card(stripe_sim, tenant, "pm_card_createDispute")
    payment = start_payment(
        tenant=tenant,
        amount_cents=2_500,
        invoice=None,
        method=card,
        idempotency_key="top-up-1",
        now=NOON,
    )
    work_off_orders(now=NOON)
    return payment


@pytest.mark.parametrize(
    ("is_won", "left"), [(False, (0, 10_000_000_000)), (True, (15_000_000_000, 0))]
)
def test_credit_that_is_not_spent_is_taken_back(
    stripe_sim, price, top_up, is_won, left
):
    """An invoice drew 10 before the dispute is known."""
    tenant = top_up.tenant
    owed_invoice(tenant, price)
    deliver(stripe_sim)
    apply_all()
    top_up.refresh_from_db()
    assert top_up.status == "reversed"
    assert credit_of(tenant) == 0
    assert balances(tenant)["uncollectible"] == 10_000_000_000

    close(stripe_sim, is_won=is_won)

    assert (credit_of(tenant), balances(tenant)["uncollectible"]) == left


def test_of_what_was_paid_twice_credit_alone_is_taken_back(stripe_sim, tenant, invoice):
    """6 of 10 USD came by transfer while a card was charged for 10: 6 became credit."""
    add_card(stripe_sim, tenant, "pm_card_createDispute")
    collect_invoice(invoice.pk, now=DECEMBER)
    record_bank_transfer(
        tenant=tenant,
        amount_cents=6_00,
        invoice=invoice,
        note="TF 1",
        idempotency_key="T1",
        now=DECEMBER,
    )
    work_off_orders(now=DECEMBER)
    assert credit_of(tenant) == 6_000_000_000

    deliver(stripe_sim)
    apply_all()

    invoice.refresh_from_db()
    books = balances(tenant)
    assert (invoice.status, due_cents(invoice)) == ("issued", 4_00)
    assert (books["receivable"], books["funds"]) == (4_000_000_000, 6_000_000_000)
    assert credit_of(tenant) == 0

    close(stripe_sim, is_won=True)

    invoice.refresh_from_db()
    assert (invoice.status, balances(tenant)["receivable"]) == ("paid", 0)
    assert credit_of(tenant) == 6_000_000_000


def test_it_refuses_a_dispute_of_a_part(stripe_sim, tenant, invoice):
    """A person sorts it out, and the event says so."""
    add_card(stripe_sim, tenant)
    collect_invoice(invoice.pk, now=DECEMBER)
    work_off_orders(now=DECEMBER)
    (charge,) = stripe_sim.store.all_of("charge")
    open_dispute(stripe_sim.store, {**charge, "amount": 300})

    deliver(stripe_sim)
    apply_all()

    kept = StripeEvent.objects.get(type="charge.dispute.created")
    assert "by hand" in kept.problem
    assert Payment.objects.get().status == "succeeded"
