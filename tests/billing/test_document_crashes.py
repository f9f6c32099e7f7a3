"""Whatever dies while a document is issued or voided: the act done again leads to the
same end, and nothing of it is there twice.
"""

import pytest

from billing.models.credit_notes import CreditNote, CreditNoteTarget
from billing.models.document_mails import DocumentMail
from billing.models.invoice_ends import InvoiceEnd
from billing.models.invoices import DocumentNumber, Invoice
from billing.models.ledger import LedgerTransaction
from billing.services.credit.credit_of import credit_of
from billing.services.credit.grant_credit import grant_credit
from billing.services.credit_notes.credit_invoice import credit_invoice
from billing.services.credit_notes.issue_credit_note import issue_credit_note
from billing.services.invoices.issue_invoice import issue_invoice
from billing.services.invoices.void_invoice import void_invoice
from billing.services.rating.rate_usage import rate_usage
from metering.models import UsageRollup
from tenants.models import Tenant
from tests.billing.crash import check_every_crash
from tests.billing.invoices import issue_of
from tests.billing.usage import (
    DECEMBER,
    NOVEMBER,
    balances,
    check_books,
    make_price,
    use,
)
from tests.factories import make_tenant

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("valkey"),
]


@pytest.fixture
def price(transactional_db):
    del transactional_db  # opens it
    return make_price()


def with_credit() -> Tenant:
    """One USD, which pays a part of what is issued."""
    tenant = make_tenant()
    grant_credit(
        tenant=tenant,
        amount_nanos=10**9,
        reason="transfer",
        idempotency_key="T1",
        now=NOVEMBER,
    )
    return tenant


def state(invoice: Invoice) -> list[object]:
    """All that is there, but for numbers and ids, which no two subjects share."""
    tenant = invoice.tenant
    mine = {"tenant": tenant}
    check_books(tenant)
    check_series()
    kinds = LedgerTransaction.objects.filter(**mine).order_by("pk")
    return [
        list(
            Invoice.objects.filter(**mine)
            .order_by("pk")
            .values_list(
                *("status", "total_cents", "credit_applied_cents", "settled_at")
            )
        ),
        list(CreditNote.objects.filter(**mine).values_list("status", "total_cents")),
        list(kinds.values_list("kind", flat=True)),
        InvoiceEnd.objects.filter(**mine).count(),
        DocumentMail.objects.filter(**mine).count(),
        balances(tenant),
        credit_of(tenant),
    ]


def check_series() -> None:
    """What was given out is on a document: no death leaves a gap."""
    for series in DocumentNumber.objects.all():
        documents = Invoice if series.series == "TF" else CreditNote
        given = documents.objects.exclude(number=None).count()
        assert given == series.last_number


def test_an_invoice_is_issued_once_wherever_the_process_dies(price):
    def prepare() -> Invoice:
        tenant = with_credit()
        use(tenant, price, 10_000_000)
        rate_usage(now=DECEMBER)
        return Invoice.objects.get(tenant=tenant)

    deaths = check_every_crash(
        prepare=prepare,
        act=lambda draft: issue_invoice(draft.pk, now=DECEMBER),
        state=state,
    )

    assert deaths > 20


def test_a_credit_note_is_issued_once_wherever_the_process_dies(price):
    """Three of four USD are too much; one was paid with credit."""

    def prepare() -> Invoice:
        tenant = with_credit()
        invoice = issue_of(tenant, price, 10_000_000)
        UsageRollup.objects.filter(tenant_id=tenant.pk).update(quantity=1_000_000)
        rate_usage(now=DECEMBER)
        return invoice

    deaths = check_every_crash(
        prepare=prepare,
        act=lambda invoice: issue_credit_note(
            CreditNote.objects.get(invoice=invoice).pk, now=DECEMBER
        ),
        state=state,
    )

    assert deaths > 20


def test_an_invoice_is_credited_once_wherever_the_process_dies(price):
    def credit(invoice: Invoice) -> None:
        credit_invoice(
            invoice.pk,
            reason="slow answers",
            target=CreditNoteTarget.CREDIT,
            idempotency_key="T1",
            now=DECEMBER,
        )

    deaths = check_every_crash(
        prepare=lambda: issue_of(with_credit(), price, 10_000_000),
        act=credit,
        state=state,
    )

    assert deaths > 20


def test_an_invoice_is_voided_once_wherever_the_process_dies(price):
    deaths = check_every_crash(
        prepare=lambda: issue_of(with_credit(), price, 10_000_000),
        act=lambda invoice: void_invoice(invoice.pk, reason="wrong", now=DECEMBER),
        state=state,
    )

    assert deaths > 20
