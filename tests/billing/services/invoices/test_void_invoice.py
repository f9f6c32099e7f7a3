"""An invoice that was issued by mistake."""

from datetime import timedelta

import pytest

from billing.domain.invoice import InvoiceStatus
from billing.errors import InvoiceNotFoundError, NotVoidableError
from billing.models.credit_notes import CreditNoteTarget
from billing.models.invoice_ends import InvoiceEnd
from billing.models.payments import Payment
from billing.services.credit.credit_of import credit_of
from billing.services.credit.grant_credit import grant_credit
from billing.services.credit_notes.credit_invoice import credit_invoice
from billing.services.invoices.issue_invoice import issue_invoice
from billing.services.invoices.void_invoice import void_invoice
from billing.services.invoices.write_off_invoice import write_off_invoice
from billing.services.rating.rate_usage import rate_usage
from tests.billing.invoices import issue_of, make_buyer, make_seller
from tests.billing.usage import (
    DECEMBER,
    NOVEMBER,
    balances,
    check_books,
    draft_of,
    lines_of,
    use,
)

DAY = timedelta(days=1)
LATER = DECEMBER + DAY
REASON = "The wrong buyer."


@pytest.fixture
def invoice(tenant, price):
    """4.00 USD."""
    return issue_of(tenant, price, 10_000_000)


def test_it_works(tenant, invoice):
    voided = void_invoice(invoice.pk, reason=REASON, now=LATER)

    voided.refresh_from_db()
    assert (voided.status, voided.number) == ("void", invoice.number)
    assert voided.settled_at == LATER
    end = InvoiceEnd.objects.get()
    assert (end.invoice, end.status, end.reason) == (voided, "void", REASON)
    assert balances(tenant)["receivable"] == 0
    check_books(tenant)


def test_its_usage_is_billed_anew_under_the_next_number(tenant, invoice):
    void_invoice(invoice.pk, reason=REASON, now=LATER)

    anew = issue_invoice(draft_of(tenant).pk, now=LATER)

    assert anew.number == "TF-2026-000002"
    assert lines_of(anew) == lines_of(invoice)
    check_books(tenant)


def test_the_tax_is_owed_no_longer(tenant, price):
    make_buyer(tenant, make_seller())
    invoice = issue_of(tenant, price, 10_000_000)
    assert balances(tenant)["tax"] == -76 * 10_000_000

    void_invoice(invoice.pk, reason=REASON, now=LATER)

    assert balances(tenant)["tax"] == 0
    check_books(tenant)


def test_it_joins_the_draft_that_late_usage_opened(tenant, price, invoice):
    use(tenant, price, 1_000_000)
    rate_usage(now=LATER)

    void_invoice(invoice.pk, reason=REASON, now=LATER)

    assert draft_of(tenant).total_cents == 440
    check_books(tenant)


def test_a_second_call_changes_nothing(tenant, invoice):
    void_invoice(invoice.pk, reason=REASON, now=LATER)

    void_invoice(invoice.pk, reason="again", now=LATER + DAY)

    assert InvoiceEnd.objects.get().ended_at == LATER
    check_books(tenant)


@pytest.mark.usefixtures("valkey")
@pytest.mark.parametrize("cents", [100, 1000])
def test_the_credit_that_it_drew_returns(tenant, price, cents):
    """Whether the credit paid a part of it or all."""
    amount_nanos = cents * 10_000_000
    grant_credit(
        tenant=tenant,
        amount_nanos=amount_nanos,
        reason="transfer",
        idempotency_key="T1",
        now=NOVEMBER,
    )
    invoice = issue_of(tenant, price, 10_000_000)
    assert invoice.credit_applied_cents == min(cents, 400)
    assert credit_of(tenant) == amount_nanos - min(cents, 400) * 10_000_000

    void_invoice(invoice.pk, reason=REASON, now=LATER)

    assert credit_of(tenant) == amount_nanos
    check_books(tenant)


def test_it_refuses_a_draft(tenant, price):
    use(tenant, price, 1)
    rate_usage(now=LATER)

    with pytest.raises(NotVoidableError):
        void_invoice(draft_of(tenant).pk, reason=REASON, now=LATER)


@pytest.mark.usefixtures("tenant")
def test_it_refuses_one_that_was_given_up(invoice):
    write_off_invoice(invoice.pk, reason=REASON, now=LATER)

    with pytest.raises(NotVoidableError):
        void_invoice(invoice.pk, reason=REASON, now=LATER)


@pytest.mark.parametrize("status", ["succeeded", "pending", "requires_action"])
def test_it_refuses_one_that_is_being_paid(tenant, invoice, status):
    Payment.objects.create(
        tenant=tenant,
        invoice=invoice,
        kind="card",
        amount_cents=1,
        status=status,
        idempotency_key="P1",
        created_at=LATER,
        settled_at=LATER if status == "succeeded" else None,
    )

    with pytest.raises(NotVoidableError):
        void_invoice(invoice.pk, reason=REASON, now=LATER)

    invoice.refresh_from_db()
    assert invoice.status == InvoiceStatus.ISSUED


@pytest.mark.usefixtures("tenant")
def test_it_refuses_one_that_was_credited(invoice):
    credit_invoice(
        invoice.pk,
        reason=REASON,
        target=CreditNoteTarget.CREDIT,
        idempotency_key="T1",
        now=LATER,
        cents=1,
    )

    with pytest.raises(NotVoidableError):
        void_invoice(invoice.pk, reason=REASON, now=LATER)


@pytest.mark.usefixtures("db")
def test_it_refuses_an_invoice_that_is_not_there():
    with pytest.raises(InvoiceNotFoundError):
        void_invoice(1, reason=REASON, now=LATER)
