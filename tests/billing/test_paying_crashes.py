"""SIGKILL at every step of paying: resumed to the same end, and nothing twice."""

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import count

import pytest
from django.utils import timezone

from billing.models.credit_notes import CreditNoteTarget
from billing.models.document_mails import DocumentMail
from billing.models.invoices import Invoice
from billing.models.ledger import LedgerTransaction
from billing.models.payments import Payment, Refund
from billing.services.credit_notes.credit_invoice import credit_invoice
from billing.services.payments.apply_stripe_events import apply_stripe_events
from billing.services.payments.collect_invoice import collect_invoice, default_card
from billing.services.payments.record_bank_transfer import record_bank_transfer
from billing.services.payments.refund_payment import refund_payment
from billing.services.payments.start_payment import start_payment
from billing.services.payments.work_off_order import work_off_orders
from tenants.models import Tenant
from tests.billing.crash import check_every_crash
from tests.billing.paying import add_card, deliver, owed_invoice
from tests.billing.usage import DECEMBER, balances, make_price
from tests.factories import make_tenant
from tests.stripe_sim.payments import fail_refund

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


@pytest.fixture
def prepare_top_up(valkey, stripe_sim):
    """Makes a tenant with a card."""
    del valkey
    numbers = count(1)

    def prepare() -> Tenant:
        tenant = make_tenant(name=f"Tenant {next(numbers)}")
        add_card(stripe_sim, tenant)
        return tenant

    return prepare


def buy(tenant: Tenant, *, now: datetime = DECEMBER) -> Payment:
    payment = start_payment(
        tenant=tenant,
        amount_cents=2_500,
        invoice=None,
        method=default_card(tenant.pk),
        idempotency_key="top-up-1",
        now=DECEMBER,
    )
    work_off_orders(now=now)
    return Payment.objects.get(pk=payment.pk)


def credit_state(tenant: Tenant) -> dict[str, object]:
    payments = Payment.objects.filter(tenant=tenant)
    refunds = Refund.objects.filter(tenant=tenant)
    booked = LedgerTransaction.objects.filter(tenant=tenant)
    return {
        "payments": list(payments.values_list("status", flat=True)),
        "refunds": list(refunds.values_list("status", flat=True)),
        "booked": sorted(booked.values_list("kind", flat=True)),
        "balances": balances(tenant),
    }


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_credit_is_bought_once_wherever_the_process_dies(prepare_top_up):
    """Slow: the whole act once for each of its statements and commits."""
    deaths = check_every_crash(
        prepare=prepare_top_up,
        act=buy,
        resume=lambda tenant: buy(tenant, now=LATER),
        state=credit_state,
    )

    assert deaths > 30


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_credit_is_given_back_once_wherever_the_process_dies(
    prepare_top_up, stripe_sim
):
    """Slow: the whole act once for each of its statements and commits."""

    def prepare() -> Tenant:
        tenant: Tenant = prepare_top_up()
        buy(tenant)
        return tenant

    def give_back(tenant: Tenant, *, now: datetime = DECEMBER) -> None:
        refund_payment(
            Payment.objects.get(tenant=tenant).pk,
            amount_cents=2_000,
            reason="Too much",
            idempotency_key="R1",
            credit_note=None,
            now=DECEMBER,
        )
        work_off_orders(now=now)

    deaths = check_every_crash(
        prepare=prepare,
        act=give_back,
        resume=lambda tenant: give_back(tenant, now=LATER),
        state=credit_state,
    )

    assert deaths > 30
    refunds = stripe_sim.store.all_of("refund")
    assert len(refunds) == deaths + 2  # one for each tenant


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_refund_that_came_back_is_credited_once_wherever_the_process_dies(
    prepare_invoice, stripe_sim
):
    """Slow: the whole act once for each of its statements and commits."""

    def prepare() -> Tenant:
        invoice: Invoice = prepare_invoice()
        add_card(stripe_sim, invoice.tenant)
        collect_invoice(invoice.pk, now=DECEMBER)
        work_off_orders(now=DECEMBER)
        credit_invoice(
            invoice.pk,
            reason="slow answers",
            target=CreditNoteTarget.PAYMENT,
            idempotency_key="T1",
            now=DECEMBER,
            cents=400,
        )
        work_off_orders(now=DECEMBER)
        deliver(stripe_sim)
        apply_stripe_events(now=timezone.now())
        refund = Refund.objects.get(tenant=invoice.tenant)
        fail_refund(stripe_sim.store, refund.provider_id)
        deliver(stripe_sim)
        return invoice.tenant

    def take_over(tenant: Tenant, *, minutes: int = 0) -> None:
        del tenant
        apply_stripe_events(now=timezone.now() + timedelta(minutes=minutes))

    def told(tenant: Tenant) -> dict[str, object]:
        mails = DocumentMail.objects.filter(tenant=tenant, refund__isnull=False)
        staff = sorted(mails.values_list("is_to_staff", flat=True))
        return {**credit_state(tenant), "mails": staff}

    deaths = check_every_crash(
        prepare=prepare,
        act=take_over,
        resume=lambda tenant: take_over(tenant, minutes=2),
        state=told,
    )

    assert deaths > 20
