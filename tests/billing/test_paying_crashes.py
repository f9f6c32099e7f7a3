"""SIGKILL at every step of paying: resumed to the same end, and nothing twice."""

from collections.abc import Callable
from datetime import timedelta
from itertools import count

import pytest

from billing.models.invoices import Invoice
from billing.models.ledger import LedgerTransaction
from billing.models.payments import Payment
from billing.services.collect_invoice import collect_invoice
from billing.services.record_bank_transfer import record_bank_transfer
from billing.services.work_off_order import work_off_orders
from tests.billing.crash import check_every_crash
from tests.billing.paying import add_card, owed_invoice
from tests.billing.usage import DECEMBER, balances, make_price
from tests.factories import make_tenant

LATER = DECEMBER + timedelta(minutes=2)


@pytest.fixture
def prepare_invoice(valkey) -> Callable[[], Invoice]:
    """Makes a tenant with an invoice of ten dollars."""
    del valkey  # limits are published
    price, numbers = make_price(), count(1)

    def prepare() -> Invoice:
        tenant = make_tenant(name=f"Tenant {next(numbers)}")
        return owed_invoice(tenant, price)

    return prepare


def state(invoice: Invoice) -> dict[str, object]:
    invoice.refresh_from_db()
    payments = Payment.objects.filter(invoice=invoice)
    kinds = LedgerTransaction.objects.filter(tenant_id=invoice.tenant_id)
    return {
        "invoice": invoice.status,
        "payments": list(payments.values_list("status", "amount_cents")),
        "balances": balances(invoice.tenant),
        "booked": sorted(kinds.values_list("kind", flat=True)),
    }


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_card_is_charged_once_wherever_the_process_dies(prepare_invoice, stripe_sim):
    """Slow: the whole act once for each of its statements and commits."""

    def prepare() -> Invoice:
        invoice: Invoice = prepare_invoice()
        add_card(stripe_sim, invoice.tenant)
        return invoice

    def pay(invoice: Invoice) -> None:
        collect_invoice(invoice.pk, now=DECEMBER)
        work_off_orders(now=DECEMBER)

    def resume(invoice: Invoice) -> None:
        collect_invoice(invoice.pk, now=LATER)
        work_off_orders(now=LATER)

    def state_with_stripe(invoice: Invoice) -> dict[str, object]:
        mine_id = invoice.tenant.stripe_tenant.stripe_id
        mine = [
            (one["object"], one["status"])
            for kind in ("payment_intent", "invoice")
            for one in stripe_sim.store.all_of(kind)
            if one["customer"] == mine_id
        ]
        return {**state(invoice), "stripe": mine}

    deaths = check_every_crash(
        prepare=prepare, act=pay, resume=resume, state=state_with_stripe
    )

    assert deaths > 40


@pytest.mark.django_db(transaction=True)
def test_a_transfer_is_booked_once_wherever_the_process_dies(prepare_invoice):
    def record(invoice: Invoice) -> None:
        record_bank_transfer(
            tenant=invoice.tenant,
            amount_cents=1_000,
            invoice=invoice,
            note="TF 1",
            idempotency_key="T1",
            now=DECEMBER,
        )

    deaths = check_every_crash(prepare=prepare_invoice, act=record, state=state)

    assert deaths > 15
