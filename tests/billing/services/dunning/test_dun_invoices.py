"""An unpaid invoice: what happens when, once, and how it ends."""

from datetime import timedelta

import pytest
from django.core import mail

from billing.models.dunning import DunningStep
from billing.models.payments import Payment
from billing.services.dunning.dun_invoices import dun_invoices
from billing.services.payments.collect_invoice import collect_invoice
from billing.services.payments.record_bank_transfer import record_bank_transfer
from billing.services.payments.work_off_order import work_off_orders
from tenants.models import Restriction
from tests.billing.paying import add_card, owed_invoice
from tests.billing.usage import DECEMBER
from tests.factories import make_member, make_tenant, make_user

DAY = timedelta(days=1)


@pytest.fixture
def tenant(db):
    del db
    tenant = make_tenant(owner=make_user(email="owner@example.com"))
    make_member(tenant=tenant, user=make_user(email="developer@example.com"))
    return tenant


@pytest.fixture
def invoice(tenant, price):
    invoice = owed_invoice(tenant, price)
    assert invoice.due_at == DECEMBER + 14 * DAY
    return invoice


def pay(invoice) -> None:
    record_bank_transfer(
        tenant=invoice.tenant,
        amount_cents=1_000,
        invoice=invoice,
        note="",
        idempotency_key="T1",
        now=DECEMBER + 30 * DAY,
    )


def restriction(tenant) -> str:
    tenant.refresh_from_db()
    return str(tenant.restriction)


def test_it_works(tenant, invoice):
    """Warned at the due time, no keys a week later, no calls after two; each once."""
    told = {}
    for days in (13, 14, 15, 20, 21, 22, 27, 28, 29, 60):
        dun_invoices(now=DECEMBER + days * DAY)
        told[days] = (restriction(tenant), len(mail.outbox))

    assert told == {
        13: ("none", 0),
        14: ("warned", 1),
        15: ("warned", 1),
        20: ("warned", 1),
        21: ("no_new_keys", 2),
        22: ("no_new_keys", 2),
        27: ("no_new_keys", 2),
        28: ("no_calls", 3),
        29: ("no_calls", 3),
        60: ("no_calls", 3),
    }
    assert {recipient for one in mail.outbox for recipient in one.to} == {
        "owner@example.com"
    }
    assert f"/invoices/{invoice.pk}/" in mail.outbox[0].body
    assert "10.00 USD" in mail.outbox[0].body


def test_payment_restores_all_at_once(tenant, invoice):
    dun_invoices(now=DECEMBER + 28 * DAY)
    assert restriction(tenant) == "no_calls"

    pay(invoice)

    assert restriction(tenant) == "none"
    assert dun_invoices(now=DECEMBER + 60 * DAY) == 0


def test_a_part_restores_nothing(tenant, invoice):
    dun_invoices(now=DECEMBER + 28 * DAY)
    record_bank_transfer(
        tenant=tenant,
        amount_cents=500,
        invoice=invoice,
        note="",
        idempotency_key="T1",
        now=DECEMBER + 29 * DAY,
    )

    assert restriction(tenant) == "no_calls"


def test_what_ended_otherwise_is_found(tenant, invoice):
    """Voided or credited: nobody paid, and nothing is overdue."""
    dun_invoices(now=DECEMBER + 28 * DAY)
    invoice.refresh_from_db()
    invoice.status = "void"
    invoice.settled_at = DECEMBER + 29 * DAY
    invoice.save(update_fields=["status", "settled_at"])

    dun_invoices(now=DECEMBER + 29 * DAY)

    assert restriction(tenant) == "none"


@pytest.mark.usefixtures("invoice")
def test_a_mail_that_cannot_go_is_tried_again(tenant, settings, caplog):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    assert dun_invoices(now=DECEMBER + 14 * DAY) == 0
    assert "dunning of invoice" in caplog.text
    assert not DunningStep.objects.exists()
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"

    assert dun_invoices(now=DECEMBER + 14 * DAY + timedelta(hours=1)) == 1

    assert restriction(tenant) == "warned"
    assert len(mail.outbox) == 1


def test_nobody_is_dunned_for_less_than_a_card_can_be_charged(tenant, price):
    owed_invoice(tenant, price, cents=49)

    dun_invoices(now=DECEMBER + 60 * DAY)

    assert restriction(tenant) == "none"
    assert mail.outbox == []


def try_card(now) -> None:
    work_off_orders(now=now)


def test_a_card_that_failed_is_tried_after_1_3_5_and_7_days(
    stripe_sim, tenant, invoice
):
    """One mail says that it failed, and why."""
    add_card(stripe_sim, tenant, "pm_card_visa_chargeDeclinedInsufficientFunds")
    collect_invoice(invoice.pk, now=DECEMBER)
    tries = []
    for hours in range(0, 24 * 12, 6):
        now = DECEMBER + timedelta(hours=hours)
        dun_invoices(now=now)
        try_card(now)
        tries.append(Payment.objects.filter(status="failed").count())

    days = [tries.index(number) * 6 / 24 for number in range(1, 6)]
    assert days == [0, 1, 3, 5, 7]
    assert tries[-1] == 5
    assert [one.subject for one in mail.outbox] == [
        f"The payment of invoice {invoice.number} failed"
    ]
    assert "insufficient funds" in mail.outbox[0].body


def test_a_new_card_pays_at_the_next_try(stripe_sim, tenant, invoice):
    add_card(stripe_sim, tenant, "pm_card_chargeCustomerFail")
    collect_invoice(invoice.pk, now=DECEMBER)
    try_card(DECEMBER)
    add_card(stripe_sim, tenant, "pm_card_visa")

    dun_invoices(now=DECEMBER + DAY)
    try_card(DECEMBER + DAY)

    invoice.refresh_from_db()
    assert invoice.status == "paid"
    assert dun_invoices(now=DECEMBER + 60 * DAY) == 0
    assert restriction(tenant) == Restriction.NONE
