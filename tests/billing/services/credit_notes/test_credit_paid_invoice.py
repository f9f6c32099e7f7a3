"""Where the money goes of an invoice that was paid, in whole or in part."""

from datetime import timedelta

import pytest

from billing.models.credit import CreditGrant
from billing.models.credit_notes import CreditNote, CreditNoteTarget
from billing.models.payments import Payment, Refund
from billing.models.provider import StripeOrder
from billing.services.credit.credit_of import credit_of
from billing.services.credit.grant_credit import grant_credit
from billing.services.credit_notes.credit_invoice import credit_invoice
from billing.services.invoices.write_off_invoice import write_off_invoice
from billing.services.payments.record_bank_transfer import record_bank_transfer
from billing.services.payments.record_payment import record_payment
from tests.billing.invoices import issue_of, make_buyer, make_seller
from tests.billing.usage import DECEMBER, NOVEMBER, balances, check_books

pytestmark = pytest.mark.usefixtures("valkey")

DAY = timedelta(days=1)
LATER = DECEMBER + DAY
CENT = 10_000_000


@pytest.fixture
def invoice(tenant, price):
    """1.00 of the 4.00 USD is paid with credit."""
    grant_credit(
        tenant=tenant,
        amount_nanos=100 * CENT,
        reason="transfer",
        idempotency_key="G1",
        now=NOVEMBER,
    )
    return issue_of(tenant, price, 10_000_000)


def pay(invoice, cents, *, key="P1", now=LATER):
    return record_bank_transfer(
        tenant=invoice.tenant,
        amount_cents=cents,
        invoice=invoice,
        note="",
        idempotency_key=key,
        now=now,
    )


def credit(invoice, target, *, cents=None, key="T1"):
    note = credit_invoice(
        invoice.pk,
        reason="slow answers",
        target=target,
        idempotency_key=key,
        cents=cents,
        now=LATER + DAY,
    )
    check_books(invoice.tenant)
    return note


def split(note: CreditNote) -> tuple[int, int, int]:
    return note.applied_cents, note.credited_cents, note.refunded_cents


def test_it_works(tenant, invoice):
    """All 4 USD are paid, and become credit."""
    pay(invoice, 300)

    note = credit(invoice, CreditNoteTarget.CREDIT)

    assert split(note) == (0, 400, 0)
    grant = CreditGrant.objects.get(reason=f"Credit note {note.number}")
    assert (grant.kind, grant.amount_nanos) == ("purchased", 400 * CENT)
    assert credit_of(tenant) == 400 * CENT
    found = balances(tenant)
    assert (found["receivable"], found["funds"]) == (0, 400 * CENT)


def test_money_goes_back_to_where_it_came_from_and_credit_to_credit(tenant, invoice):
    payment = pay(invoice, 300)

    note = credit(invoice, CreditNoteTarget.PAYMENT)

    assert split(note) == (0, 100, 300)
    refund = Refund.objects.get()
    assert (refund.payment, refund.credit_note, refund.amount_cents) == (
        payment,
        note,
        300,
    )
    assert refund.status == "succeeded"
    assert balances(tenant)["funds"] == 100 * CENT
    assert credit_of(tenant) == 100 * CENT


def test_less_is_due_before_anything_goes_back(invoice):
    pay(invoice, 200)

    assert split(credit(invoice, CreditNoteTarget.PAYMENT, cents=150)) == (100, 0, 50)
    invoice.refresh_from_db()
    assert invoice.status == "paid"


def test_the_latest_payment_goes_back_first(invoice):
    first = pay(invoice, 200)
    second = pay(invoice, 100, key="P2", now=LATER + DAY)

    credit(invoice, CreditNoteTarget.PAYMENT, cents=150)

    refunds = dict(Refund.objects.values_list("payment", "amount_cents"))
    assert refunds == {second.pk: 100, first.pk: 50}


def test_in_parts_no_more_goes_back_than_was_paid(invoice):
    pay(invoice, 300)
    notes = [
        credit(invoice, CreditNoteTarget.PAYMENT, cents=cents, key=f"T{cents}")
        for cents in (150, 100, 90, 60)
    ]

    assert [split(note) for note in notes] == [
        (0, 0, 150),
        (0, 0, 100),
        (0, 40, 50),
        (0, 60, 0),
    ]


def test_the_example_of_the_readme(tenant, price):
    make_buyer(tenant, make_seller())
    grant_credit(
        tenant=tenant,
        amount_nanos=100 * CENT,
        reason="transfer",
        idempotency_key="G1",
        now=NOVEMBER,
    )
    invoice = issue_of(tenant, price, 10_000_000)
    assert (invoice.total_cents, invoice.credit_applied_cents) == (476, 100)
    pay(invoice, 300)

    first = credit(invoice, CreditNoteTarget.PAYMENT, cents=200)
    rest = credit(invoice, CreditNoteTarget.PAYMENT, key="T2")

    assert (first.tax_cents, split(first)) == (38, (76, 0, 162))
    assert (rest.tax_cents, split(rest)) == (38, (0, 100, 138))


def test_a_card_is_paid_back_by_the_provider(tenant, invoice):
    payment = Payment.objects.create(
        tenant=tenant,
        invoice=invoice,
        kind="card",
        amount_cents=300,
        idempotency_key="P1",
        created_at=LATER,
    )
    record_payment(payment.pk, now=LATER)

    credit(invoice, CreditNoteTarget.PAYMENT)

    refund = Refund.objects.get()
    assert refund.status == "pending"
    assert StripeOrder.objects.get(refund=refund).done_at is None
    assert balances(tenant)["receivable"] == -300 * CENT


def test_a_late_payment_of_what_was_given_up_makes_it_paid(tenant, invoice):
    write_off_invoice(invoice.pk, reason="insolvent", now=LATER)
    check_books(tenant)
    pay(invoice, 100)
    check_books(tenant)
    assert balances(tenant)["uncollectible"] == 200 * CENT

    pay(invoice, 200, key="P2")

    check_books(tenant)
    invoice.refresh_from_db()
    assert invoice.status == "paid"
    found = balances(tenant)
    assert (found["receivable"], found["uncollectible"]) == (0, 0)
