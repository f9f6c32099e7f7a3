"""A card is charged, once, whatever happens on the way to Stripe and back."""

from datetime import timedelta

import pytest

from billing.models.payments import Payment
from billing.models.provider import StripeInvoice, StripeOrder
from billing.services.payments.collect_invoice import collect_invoice
from billing.services.payments.start_payment import start_payment
from billing.services.payments.work_off_order import work_off_order, work_off_orders
from billing.stripe_sync import client
from tests.billing.paying import add_card, intents, owed_invoice
from tests.billing.usage import DECEMBER, balances
from tests.stripe_sim.payments import settle
from tests.stripe_sim.server import Fault

CREATE = "POST /v1/payment_intents"
MINUTES = [timedelta(minutes=10 * n) for n in range(1, 20)]


@pytest.fixture
def invoice(tenant, price):
    return owed_invoice(tenant, price)


@pytest.fixture
def card(stripe_sim, tenant):
    return add_card(stripe_sim, tenant)


def collect(invoice, *, now=DECEMBER) -> Payment:
    payment = collect_invoice(invoice.pk, now=now)
    assert payment is not None
    work_off_orders(now=now)
    payment.refresh_from_db()
    return payment


@pytest.mark.usefixtures("card")
def test_it_works(stripe_sim, tenant, invoice):
    payment = collect(invoice)

    invoice.refresh_from_db()
    copy = stripe_sim.store.get("invoice", StripeInvoice.objects.get().stripe_id)
    assert (payment.status, payment.settled_at) == ("succeeded", DECEMBER)
    assert (invoice.status, invoice.settled_at) == ("paid", DECEMBER)
    assert intents(stripe_sim) == [(1000, "succeeded")]
    assert (copy["status"], copy["total"], copy["amount_paid"]) == ("paid", 1000, 1000)
    assert copy["auto_advance"] is False
    assert balances(tenant)["receivable"] == 0
    assert balances(tenant)["funds"] == 10_000_000_000
    assert StripeOrder.objects.get().done_at == DECEMBER


@pytest.mark.usefixtures("card")
def test_a_second_call_charges_nothing(stripe_sim, invoice):
    collect(invoice)

    assert collect(invoice).status == "succeeded"
    assert work_off_orders(now=DECEMBER + MINUTES[-1]) == 0
    assert len(intents(stripe_sim)) == 1


def test_a_declined_card_fails_in_clear_words(stripe_sim, tenant, invoice):
    add_card(stripe_sim, tenant, "pm_card_visa_chargeDeclinedInsufficientFunds")

    payment = collect(invoice)

    invoice.refresh_from_db()
    assert (payment.status, payment.failure_code) == ("failed", "insufficient_funds")
    assert "insufficient funds" in payment.failure_text
    assert invoice.status == "issued"
    assert balances(tenant)["receivable"] == 10_000_000_000


def test_what_failed_can_never_be_charged_later(stripe_sim, tenant, invoice):
    """Else a retry and the first try could both succeed."""
    add_card(stripe_sim, tenant, "pm_card_chargeCustomerFail")

    collect(invoice)

    assert intents(stripe_sim) == [(1000, "canceled")]


def test_a_bank_that_asks_is_a_failure_that_says_what_to_do(
    stripe_sim, tenant, invoice
):
    add_card(stripe_sim, tenant, "pm_card_authenticationRequired")

    payment = collect(invoice)

    assert payment.failure_code == "authentication_required"
    assert "Pay now" in payment.failure_text


@pytest.mark.parametrize(
    ("is_paid", "statuses"),
    [(True, ("succeeded", "paid")), (False, ("failed", "issued"))],
)
def test_a_late_end_is_looked_for(stripe_sim, tenant, invoice, is_paid, statuses):
    """Without any webhook."""
    add_card(stripe_sim, tenant, "pm_card_settledLate")
    payment = collect(invoice)
    assert payment.status == "pending"

    settle(stripe_sim.store, payment.provider_id, is_paid=is_paid)
    work_off_orders(now=DECEMBER + MINUTES[1])

    payment.refresh_from_db()
    invoice.refresh_from_db()
    assert (payment.status, invoice.status) == statuses


@pytest.mark.usefixtures("card")
@pytest.mark.parametrize("fault", list(set(Fault) - {Fault.SILENCE}))
@pytest.mark.parametrize(
    "request_",
    ["POST /v1/customers", "POST /v1/invoices", CREATE],
)
def test_faults_are_outlived(stripe_sim, invoice, fault, request_):
    """Each try of the SDK fails as well; then another one of ours mends it."""
    stripe_sim.faults += [(request_, fault)] * 3
    collect(invoice)

    for later in MINUTES:
        work_off_orders(now=DECEMBER + later)

    invoice.refresh_from_db()
    assert invoice.status == "paid"
    assert [one for one in intents(stripe_sim) if one[1] == "succeeded"] == [
        (1000, "succeeded")
    ]
    assert balances(invoice.tenant)["receivable"] == 0
    assert len(stripe_sim.store.all_of("invoice")) == 1


@pytest.fixture
def impatient(monkeypatch):
    """We wait two seconds for an answer, and not ten."""
    monkeypatch.setattr(client, "TIMEOUT_SECONDS", 2)
    client._client.cache_clear()
    yield
    client._client.cache_clear()


def _keys_of_charges(stripe_sim) -> list[str]:
    return [key for request, key in stripe_sim.requests if request == CREATE]


@pytest.mark.usefixtures("impatient", "card")
def test_a_retry_under_the_same_key_finds_the_charge_that_nobody_told_of(
    stripe_sim, invoice
):
    stripe_sim.faults.append((CREATE, Fault.SILENCE))

    payment = collect(invoice)

    assert payment.status == "succeeded"
    assert intents(stripe_sim) == [(1000, "succeeded")]
    first, second = _keys_of_charges(stripe_sim)
    assert first == second != ""
    assert StripeOrder.objects.get().tries == 1


@pytest.mark.usefixtures("impatient", "card")
def test_a_later_try_finds_the_charge_that_nobody_told_of(stripe_sim, tenant, invoice):
    """Slow to end: each try of the SDK waits in vain."""
    stripe_sim.faults += [(CREATE, Fault.SILENCE)] * 3
    assert collect(invoice).status == "pending"
    assert StripeOrder.objects.get().problem == "Stripe did not answer."

    work_off_orders(now=DECEMBER + MINUTES[0])

    invoice.refresh_from_db()
    assert invoice.status == "paid"
    assert intents(stripe_sim) == [(1000, "succeeded")]
    assert len(_keys_of_charges(stripe_sim)) == 3  # it was looked for, not asked again
    assert balances(tenant)["funds"] == 10_000_000_000


@pytest.mark.usefixtures("card")
def test_two_processes_do_not_work_off_one_order(invoice):
    collect_invoice(invoice.pk, now=DECEMBER)
    order = StripeOrder.objects.get()
    StripeOrder.objects.update(try_after=DECEMBER + timedelta(seconds=50))

    assert not work_off_order(order.pk, now=DECEMBER)
    assert work_off_order(order.pk, now=DECEMBER + timedelta(minutes=1))


@pytest.mark.usefixtures("card")
def test_an_address_where_nobody_is_leaves_it_for_later(invoice, settings):
    """And the reason is kept, for staff."""
    collect_invoice(invoice.pk, now=DECEMBER)
    settings.STRIPE_API_BASE = "http://127.0.0.1:1"

    work_off_orders(now=DECEMBER)

    order = StripeOrder.objects.get()
    assert (order.done_at, order.tries) == (None, 1)
    assert order.problem == "Stripe did not answer."
    assert Payment.objects.get().status == "pending"


def test_credit_is_bought_by_card(tenant, card):
    payment = start_payment(
        tenant=tenant,
        amount_cents=2_500,
        invoice=None,
        method=card,
        idempotency_key="top-up-1",
        now=DECEMBER,
    )

    work_off_orders(now=DECEMBER)

    payment.refresh_from_db()
    assert payment.status == "succeeded"
    assert balances(tenant) == {"funds": 25_000_000_000, "credit": -25_000_000_000}
