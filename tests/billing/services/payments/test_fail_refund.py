"""A refund that does not arrive becomes credit, once, and everybody is told."""

import random
from datetime import timedelta

import pytest
from django.core.management import call_command

from billing.domain.payments import ProviderRefund, RefundTold
from billing.models.credit import CreditGrant
from billing.models.credit_notes import CreditNoteTarget
from billing.models.document_mails import DocumentMail
from billing.models.payments import Payment, Refund
from billing.models.webhooks import WebhookMessage
from billing.services.credit.credit_of import credit_of
from billing.services.credit.withdraw_credit import withdraw_credit
from billing.services.credit_notes.credit_invoice import credit_invoice
from billing.services.invoices.send_document_mails import send_document_mails
from billing.services.payments.apply_refund import apply_refund
from billing.services.payments.collect_invoice import collect_invoice
from billing.services.payments.read_refundable import read_refundable
from billing.services.payments.work_off_order import work_off_orders
from tenants.domain.roles import Role
from tests.billing.paying import add_card, deliver, owed_invoice
from tests.billing.services.payments.test_apply_stripe_events import apply_all
from tests.billing.usage import DECEMBER, balances, check_books
from tests.billing.webhooks import make_endpoint
from tests.factories import make_member, make_user
from tests.stripe_sim.payments import fail_refund

pytestmark = pytest.mark.usefixtures("valkey")

USD = 1_000_000_000


@pytest.fixture
def invoice(stripe_sim, tenant, price):
    """10 USD, paid by card."""
    invoice = owed_invoice(tenant, price)
    add_card(stripe_sim, tenant)
    collect_invoice(invoice.pk, now=DECEMBER)
    work_off_orders(now=DECEMBER)
    return invoice


@pytest.fixture
def note(invoice):
    """4 USD go back to the card."""
    return credit_invoice(
        invoice.pk,
        reason="slow answers",
        target=CreditNoteTarget.PAYMENT,
        idempotency_key="T1",
        now=DECEMBER,
        cents=400,
    )


@pytest.fixture
def sent(stripe_sim, note):
    """It has left."""
    work_off_orders(now=DECEMBER)
    refund = Refund.objects.get(credit_note=note)
    assert refund.status == "succeeded"
    deliver(stripe_sim)
    return refund


def come_back(stripe_sim, refund) -> None:
    fail_refund(stripe_sim.store, refund.provider_id)
    deliver(stripe_sim)
    apply_all()
    refund.refresh_from_db()


def test_it_works(stripe_sim, tenant, note, sent):
    before = balances(tenant)

    come_back(stripe_sim, sent)

    assert sent.status == "failed"
    assert sent.failure_text == "The card has expired or was canceled."
    assert credit_of(tenant) == 4 * USD
    grant = CreditGrant.objects.get(tenant=tenant)
    assert (grant.kind, grant.expires_at) == ("purchased", None)
    assert grant.reason == f"Refund of {note.number} came back"
    assert balances(tenant) == before | {"funds": 10 * USD, "credit": -4 * USD}
    check_books(tenant)


def test_it_is_not_given_back_twice(stripe_sim, invoice, sent):
    """What became credit is no money of the invoice any more."""
    come_back(stripe_sim, sent)

    assert [cents for _, cents in read_refundable(invoice)] == [600]


def test_tenant_and_staff_are_told_once(stripe_sim, tenant, note, sent, mailoutbox):
    make_member(
        tenant=tenant, user=make_user(email="olga@acme.example"), role=Role.OWNER
    )
    make_user(email="staff@tokenfab.example", is_staff=True)
    send_document_mails(now=DECEMBER)
    mailoutbox.clear()

    come_back(stripe_sim, sent)
    later = DECEMBER + timedelta(days=1000)  # the webhook came by the wall clock
    send_document_mails(now=later)
    send_document_mails(now=later)

    mine, theirs = mailoutbox
    assert mine.to == ["olga@acme.example"]
    assert mine.subject == "A refund of 4.00 USD did not arrive"
    assert f"credit note {note.number}" in mine.body
    assert "expired or was canceled" in mine.body
    assert theirs.to == ["staff@tokenfab.example"]
    assert f"/operator/tenants/{tenant.pk}/credit/" in theirs.body
    assert not mine.attachments


def test_the_tenants_systems_are_told(stripe_sim, tenant, note, sent):
    make_endpoint(tenant, types=["refund.failed"])

    come_back(stripe_sim, sent)

    payload = WebhookMessage.objects.get(type="refund.failed").payload
    assert f'"credit_note":"{note.number}"' in payload
    assert '"amount_cents":400' in payload
    assert '"failure_code":"expired_or_canceled_card"' in payload


def test_what_stripe_refuses_becomes_credit(stripe_sim, tenant, note):
    """Somebody had given all of it back at Stripe itself."""
    payment = Payment.objects.get()
    status, _ = stripe_sim.respond(
        "POST",
        "/v1/refunds",
        body=f"payment_intent={payment.provider_id}",
        key=None,
    )
    assert status == 200

    work_off_orders(now=DECEMBER)

    refund = Refund.objects.get(credit_note=note)
    assert (refund.status, refund.provider_id) == ("failed", "")
    assert refund.failure_text == "The payment provider refused it."
    assert credit_of(tenant) == 4 * USD
    check_books(tenant)


@pytest.mark.parametrize("seed", range(4))
def test_deliveries_may_come_twice_late_and_in_any_order(
    stripe_sim, tenant, note, seed
):
    stripe_sim.webhooks.chance = random.Random(seed)  # noqa: S311  a schedule
    stripe_sim.webhooks.delay_seconds_max = 7200
    stripe_sim.webhooks.repeats_max = 3
    work_off_orders(now=DECEMBER)
    come_back(stripe_sim, Refund.objects.get(credit_note=note))
    call_command("replay_stripe_events", "--since", "2020-01-01")
    apply_all()

    assert credit_of(tenant) == 4 * USD
    assert DocumentMail.objects.filter(refund__isnull=False).count() == 2
    check_books(tenant)


def test_a_success_that_is_told_late_changes_nothing(stripe_sim, tenant, sent):
    come_back(stripe_sim, sent)
    told = ProviderRefund(
        provider_id=sent.provider_id,
        told=RefundTold.SUCCEEDED,
        refund_id=sent.pk,
        payment_provider_id=sent.payment.provider_id,
        amount_cents=400,
    )

    assert apply_refund(told, now=DECEMBER)

    sent.refresh_from_db()
    assert sent.status == "failed"
    check_books(tenant)


def test_staff_may_pay_it_otherwise(stripe_sim, tenant, sent):
    """The credit is withdrawn, and the money transferred by hand."""
    come_back(stripe_sim, sent)

    withdraw_credit(
        grant=CreditGrant.objects.get(tenant=tenant),
        amount_nanos=4 * USD,
        reason="Transferred to another account",
        idempotency_key="W1",
        now=DECEMBER + timedelta(days=1000),
    )

    assert credit_of(tenant) == 0
    assert balances(tenant)["funds"] == 6 * USD
    check_books(tenant)


def test_a_refund_made_at_stripe_by_hand_is_none_of_ours(stripe_sim, tenant, invoice):
    del invoice
    payment = Payment.objects.get()
    stripe_sim.respond(
        "POST", "/v1/refunds", body=f"payment_intent={payment.provider_id}", key=None
    )
    fail_refund(stripe_sim.store, stripe_sim.store.all_of("refund")[0]["id"])

    deliver(stripe_sim)
    apply_all()

    assert not CreditGrant.objects.exists()
    check_books(tenant)
