"""Cards, payments and what operators do with invoices, as pictures."""

from datetime import timedelta

import pytest

from billing.models.issue_blocks import IssueBlock
from billing.models.payments import Payment, PaymentStatus
from tenants.models import Restriction
from tests.billing.credit import CENT, give
from tests.billing.paying import add_card
from tests.frontend.believable import call, record
from tests.frontend.believable_invoices import make_credit_note, make_issued
from tests.frontend.browser.test_screenshots import LOOKS, folder_of, take

pytestmark = pytest.mark.browser


@pytest.fixture
def issued(people, version, now):
    """Overdue, with a payment of each kind of end; a draft beside it is blocked."""
    tenant = people.tenant
    note = make_credit_note(tenant, version, now)
    issued = make_issued(tenant, version, now - timedelta(days=62))
    issued.refresh_from_db()
    ends = {
        "succeeded": {"settled_at": now},
        "failed": {
            "settled_at": now,
            "failure_code": "insufficient_funds",
            "failure_text": "The card has too little money for this payment.",
        },
        "pending": {},
    }
    for number, (status, more) in enumerate(ends.items()):
        Payment.objects.create(
            tenant=tenant,
            invoice=note.invoice,
            kind="bank_transfer",
            amount_cents=100,
            status=PaymentStatus(status),
            idempotency_key=str(number),
            created_at=now - timedelta(hours=number),
            **more,
        )
    tenant.restriction = Restriction.NO_NEW_KEYS
    tenant.save()
    record([call(people.api_key, version, now)], now)
    IssueBlock.objects.create(
        tenant=tenant,
        invoice=tenant.invoices.get(status="draft"),
        code="books_differ",
        reason="The counters and the receipts of October differ by 3 tokens.",
        since=now,
    )
    return issued


@pytest.mark.parametrize("look", LOOKS, ids=folder_of)
def test_paying_can_be_shown(visit, people, issued, stripe_sim, look):
    assert issued.status == "issued"
    folder, owner = folder_of(look), people.users["owner"]
    take(visit, owner, folder, {"billing-without-a-card": "/billing/"}, **look)
    add_card(stripe_sim, people.tenant)
    pages = {
        "billing": "/billing/",
        "top-up": "/credit/top-up/",
        "credit-threshold": "/limits/credit/",
    }
    take(visit, owner, folder, pages, **look)
    stranger = people.users["stranger"]
    take(visit, stranger, folder, {"billing-empty": "/billing/"}, **look)


@pytest.mark.parametrize("look", LOOKS, ids=folder_of)
def test_what_operators_do_can_be_shown(visit, people, issued, look):
    grant, invoice = give(people.tenant, CENT), f"/operator/invoices/{issued.pk}/"
    pages = {
        "operator-payments": "/operator/payments/",
        "operator-blocked": "/operator/blocked/",
        "operator-all-invoices": "/operator/invoices/",
        "operator-invoice": invoice,
        "operator-transfer": f"{invoice}transfer/",
        "operator-credit-invoice": f"{invoice}credit/",
        "operator-void-invoice": f"{invoice}void/",
        "operator-write-off": f"{invoice}write-off/",
        "operator-withdraw-credit": f"/operator/credit/{grant.pk}/withdraw/",
    }
    draft = people.tenant.invoices.get(status="draft")
    pages["operator-issue"] = f"/operator/invoices/{draft.pk}/issue/"
    take(visit, people.users["staff"], folder_of(look), pages, **look)
