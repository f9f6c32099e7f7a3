"""Cards, paying an open invoice, and how payments went."""

from uuid import uuid4

import pytest
from django.utils import timezone

from billing.models.credit_notes import CreditNoteTarget
from billing.models.payments import Payment, PaymentMethod, Refund
from billing.services.credit_notes.credit_invoice import credit_invoice
from billing.services.payments.apply_refund import apply_refund
from billing.services.payments.record_bank_transfer import record_bank_transfer
from billing.services.payments.work_off_order import work_off_orders
from billing.stripe_sync.events import read_refund
from tests.billing.paying import add_card, complete_newest_page
from tests.frontend.believable_invoices import make_issued
from tests.stripe_sim.payments import fail_refund
from tests.stripe_sim.server import SECRET_KEY, WEBHOOK_SECRET, run_stripe_sim


@pytest.fixture
def stripe_sim(settings):
    with run_stripe_sim() as sim:
        settings.STRIPE_API_KEY = SECRET_KEY
        settings.STRIPE_WEBHOOK_SECRET = WEBHOOK_SECRET
        settings.STRIPE_API_BASE = sim.url
        yield sim


@pytest.fixture
def issued(people, version, now):
    """12 USD are due."""
    return make_issued(people.tenant, version, now)


@pytest.fixture
def owner(people):
    return people.client("owner")


def pay(client, invoice, *, by: str = "card", **typed):
    typed = {"with": by, "form_id": str(uuid4()), **typed}
    return client.post(f"/billing/invoices/{invoice.pk}/pay/", typed)


def text_of(client) -> str:
    return str(client.get("/billing/").content.decode())


def test_it_works(stripe_sim, people, owner, issued):
    """One press, with the card that is kept."""
    add_card(stripe_sim, people.tenant)
    before = text_of(owner)
    assert f"{issued.number}" in before
    assert "visa ending in 4242" in before

    pay(owner, issued)

    issued.refresh_from_db()
    after = text_of(owner)
    assert issued.status == "paid"
    assert "Paid. Thank you." in after
    assert "Nothing is due" in after


def test_a_second_press_pays_once(stripe_sim, people, owner, issued):
    add_card(stripe_sim, people.tenant)
    form_id = str(uuid4())

    for _ in range(2):
        pay(owner, issued, form_id=form_id)

    assert Payment.objects.count() == 1


def test_a_failure_is_told_in_words_and_another_way_pays(
    stripe_sim, people, owner, issued
):
    """The bank asks: on Stripe's page the person can answer."""
    add_card(stripe_sim, people.tenant, "pm_card_authenticationRequired")
    pay(owner, issued)
    assert "Your bank wants you to confirm this payment" in text_of(owner)

    answer = pay(owner, issued, by="page")
    assert answer["Location"].startswith("https://checkout.stripe.com/")
    complete_newest_page(stripe_sim, "pm_card_visa")
    back = owner.get(f"/billing/payments/{Payment.objects.latest('pk').pk}/")

    issued.refresh_from_db()
    assert back["Location"] == "/billing/"
    assert issued.status == "paid"
    assert "Paid. Thank you." in text_of(owner)


def test_a_page_that_was_left_is_closed_before_another_is_opened(
    stripe_sim, owner, issued
):
    first = pay(owner, issued, by="page")
    second = pay(owner, issued, by="page")

    assert first["Location"] != second["Location"]
    pages = stripe_sim.store.all_of("checkout.session")
    assert [page["status"] for page in pages] == ["open", "expired"]
    assert sorted(Payment.objects.values_list("status", flat=True)) == [
        "canceled",
        "requires_action",
    ]


def test_a_card_is_added_on_stripes_page_and_removed_here(stripe_sim, people, owner):
    answer = owner.post("/billing/cards/new/")
    assert answer["Location"].startswith("https://checkout.stripe.com/")
    complete_newest_page(stripe_sim, "pm_card_mastercard")

    owner.get("/billing/cards/added/")

    assert "mastercard ending in 4444" in text_of(owner)
    card = PaymentMethod.objects.get(tenant=people.tenant)
    path, remove = f"/billing/cards/{card.pk}/", {"act": "remove"}
    assert "Remove the card?" in owner.post(path, remove).text
    assert owner.post(path, {**remove, "name": "4242"}).status_code == 422
    assert "mastercard ending in 4444" in text_of(owner)
    owner.post(path, {**remove, "name": "4444"})
    assert "No card yet" in text_of(owner)


def test_receipts_are_on_stripes_own_pages(stripe_sim, people, owner):
    add_card(stripe_sim, people.tenant)

    answer = owner.post("/billing/portal/")

    assert answer["Location"].startswith("https://billing.stripe.com/")


def test_without_stripe_it_says_how_to_pay(owner, issued):
    text = text_of(owner)

    assert "Pay by bank transfer" in text
    assert f"/invoices/{issued.pk}/#how-to-pay" in text
    assert "Pay now" not in text


def test_a_provider_that_is_away_is_no_end(settings, stripe_sim, people, owner, issued):
    add_card(stripe_sim, people.tenant)
    settings.STRIPE_API_BASE = "http://127.0.0.1:1"

    pay(owner, issued)
    owner.post("/billing/cards/new/")

    text = text_of(owner)
    assert "does not answer right now" in text
    assert "under way" in text


def test_a_restriction_is_said_first(people, owner):
    people.tenant.restriction = "no_calls"
    people.tenant.save()

    assert "Calls are refused, because an invoice is overdue." in text_of(owner)


@pytest.mark.parametrize(("name", "status"), [("colleague", 403), ("stranger", 404)])
def test_it_refuses_whoever_is_no_owner(stripe_sim, people, issued, name, status):
    card = add_card(stripe_sim, people.tenant)
    client = people.client(name)

    assert pay(client, issued).status_code == status
    assert client.post(f"/billing/cards/{card.pk}/").status_code == status
    assert not Payment.objects.exists()


def test_it_refuses_what_is_paid(stripe_sim, people, owner, issued):
    add_card(stripe_sim, people.tenant)
    pay(owner, issued)

    pay(owner, issued)

    assert "Nothing is due of this invoice." in text_of(owner)
    assert Payment.objects.count() == 1


@pytest.mark.usefixtures("stripe_sim")
def test_it_refuses_a_form_without_an_id(owner, issued):
    pay(owner, issued, form_id="x")

    assert "press the button once more" in text_of(owner)


def test_a_strangers_payment_is_not_there(people, issued, now):
    payment = record_bank_transfer(
        tenant=people.tenant,
        amount_cents=100,
        invoice=issued,
        note="secret note",
        idempotency_key="T1",
        now=now,
    )
    stranger = people.client("stranger")

    assert stranger.get(f"/billing/payments/{payment.pk}/").status_code == 404
    assert "secret note" not in text_of(stranger)


def test_a_refund_shows_how_it_went(stripe_sim, people, owner, issued):
    """First under way, then sent; in the end the bank sends it back."""
    add_card(stripe_sim, people.tenant)
    pay(owner, issued)
    note = credit_invoice(
        issued.pk,
        reason="slow answers",
        target=CreditNoteTarget.PAYMENT,
        idempotency_key="T1",
        now=timezone.now(),
        cents=500,
    )
    assert "under way" in text_of(owner)

    work_off_orders(now=timezone.now())
    assert "It may take a bank some days" in text_of(owner)

    refund = Refund.objects.get()
    fail_refund(stripe_sim.store, refund.provider_id)
    apply_refund(read_refund(refund.provider_id), now=timezone.now())
    assert "did not arrive" in text_of(owner)
    assert "The card has expired or was canceled." in text_of(owner)
    of_note = owner.get(f"/credit-notes/{note.pk}/").content.decode()
    assert "6.00 did not arrive" in of_note
    for_staff = people.client("staff").get("/operator/payments/").content.decode()
    assert f"/operator/tenants/{people.tenant.pk}/credit/" in for_staff
