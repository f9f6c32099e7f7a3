"""What will not be paid is given up, and still owed."""

from datetime import timedelta

import pytest

from billing.errors import InvoiceNotFoundError, NotWrittenOffError
from billing.models.credit_notes import CreditNoteTarget
from billing.models.invoice_ends import InvoiceEnd
from billing.services.credit_notes.credit_invoice import credit_invoice
from billing.services.invoices.write_off_invoice import write_off_invoice
from billing.services.rating.rate_usage import rate_usage
from tests.billing.invoices import issue_of
from tests.billing.usage import DECEMBER, balances, check_books, draft_of, use

DAY = timedelta(days=1)
LATER = DECEMBER + 90 * DAY
REASON = "The buyer is insolvent."
USD = 10**9


@pytest.fixture
def invoice(tenant, price):
    """4.00 USD."""
    return issue_of(tenant, price, 10_000_000)


def test_it_works(tenant, invoice):
    given_up = write_off_invoice(invoice.pk, reason=REASON, now=LATER)

    given_up.refresh_from_db()
    assert (given_up.status, given_up.settled_at) == ("uncollectible", LATER)
    end = InvoiceEnd.objects.get()
    assert (end.invoice, end.status, end.reason) == (invoice, "uncollectible", REASON)
    found = balances(tenant)
    assert (found["receivable"], found["uncollectible"]) == (0, 4 * USD)
    check_books(tenant)


def test_its_usage_is_not_billed_anew(tenant, invoice):
    write_off_invoice(invoice.pk, reason=REASON, now=LATER)

    assert rate_usage(now=LATER).rated == 0
    check_books(tenant)


def test_a_credit_note_gives_less_up(tenant, invoice):
    """Of the 4 USD that were given up, 1 is not owed at all."""
    write_off_invoice(invoice.pk, reason=REASON, now=LATER)

    credit(invoice, 100)

    found = balances(tenant)
    assert (found["receivable"], found["uncollectible"]) == (0, 3 * USD)
    check_books(tenant)


def test_once_nothing_is_due_it_is_paid(tenant, invoice):
    write_off_invoice(invoice.pk, reason=REASON, now=LATER)

    credit(invoice, 400)

    invoice.refresh_from_db()
    assert invoice.status == "paid"
    assert balances(tenant)["uncollectible"] == 0
    check_books(tenant)


def credit(invoice, cents):
    credit_invoice(
        invoice.pk,
        reason=REASON,
        target=CreditNoteTarget.CREDIT,
        idempotency_key="T1",
        now=LATER,
        cents=cents,
    )


def test_a_second_call_changes_nothing(tenant, invoice):
    write_off_invoice(invoice.pk, reason=REASON, now=LATER)

    write_off_invoice(invoice.pk, reason="again", now=LATER + DAY)

    assert InvoiceEnd.objects.get().ended_at == LATER
    check_books(tenant)


def test_it_refuses_a_draft(tenant, price):
    use(tenant, price, 1)
    rate_usage(now=LATER)

    with pytest.raises(NotWrittenOffError):
        write_off_invoice(draft_of(tenant).pk, reason=REASON, now=LATER)


@pytest.mark.usefixtures("tenant")
def test_it_refuses_one_that_is_paid(invoice):
    credit(invoice, 400)

    with pytest.raises(NotWrittenOffError):
        write_off_invoice(invoice.pk, reason=REASON, now=LATER)


@pytest.mark.usefixtures("db")
def test_it_refuses_an_invoice_that_is_not_there():
    with pytest.raises(InvoiceNotFoundError):
        write_off_invoice(1, reason=REASON, now=LATER)
