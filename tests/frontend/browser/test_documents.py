"""Invoices, credit notes and billing details as pictures for people to look at."""

import pytest

from billing.models.payments import Payment, PaymentStatus
from tests.frontend.believable_invoices import make_credit_note, make_issued
from tests.frontend.browser.test_screenshots import LOOKS, folder_of, take

pytestmark = pytest.mark.browser


@pytest.fixture
def pages(people, invoice, version, now):
    """A draft, an invoice that is paid and credited in part, another open one."""
    note = make_credit_note(people.tenant, version, now)
    Payment.objects.create(
        tenant=people.tenant,
        invoice=note.invoice,
        kind="bank_transfer",
        amount_cents=500,
        status=PaymentStatus.SUCCEEDED,
        idempotency_key="1",
        created_at=now,
        settled_at=now,
    )
    make_issued(people.tenant, version, now, months_ago=3)
    return {
        "documents": "/invoices/",
        "documents-of-a-state": "/invoices/?status=closed",
        "document-draft": f"/invoices/{invoice.pk}/",
        "document-paid-in-part": f"/invoices/{note.invoice_id}/",
        "credit-note": f"/credit-notes/{note.pk}/",
        "billing-details": "/settings/billing/",
        "settings-with-billing-details": "/settings/",
    }


@pytest.mark.parametrize("look", LOOKS, ids=folder_of)
def test_documents_can_be_shown(visit, people, pages, look):
    take(visit, people.users["owner"], folder_of(look), pages, **look)
