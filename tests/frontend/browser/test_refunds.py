"""Refunds, and what is said of tax where credit is sold, as pictures."""

from datetime import timedelta

import pytest
from django.utils import timezone

from billing.models.credit_notes import CreditNoteTarget
from billing.models.payments import Refund
from billing.services.credit_notes.credit_invoice import credit_invoice
from billing.services.payments.apply_refund import apply_refund
from billing.services.payments.collect_invoice import collect_invoice
from billing.services.payments.work_off_order import work_off_orders
from billing.stripe_sync.events import read_refund
from tests.billing.paying import add_card
from tests.frontend.believable_invoices import make_issued
from tests.frontend.browser.test_screenshots import LOOKS, folder_of, take
from tests.stripe_sim.payments import fail_refund

pytestmark = pytest.mark.browser


@pytest.fixture
def note(stripe_sim, people, version, now):
    """Of its three refunds one came back, one has left, and one is under way."""
    invoice = make_issued(people.tenant, version, now)
    add_card(stripe_sim, people.tenant)
    collect_invoice(invoice.pk, now=now)
    work_off_orders(now=now)
    for number in range(3):
        note = credit_invoice(
            invoice.pk,
            reason="Sorry for the wait",
            target=CreditNoteTarget.PAYMENT,
            idempotency_key=str(number),
            now=now + timedelta(seconds=number),
            cents=100 + number,
        )
        if number < 2:
            work_off_orders(now=now + timedelta(seconds=number))
    refund = Refund.objects.earliest("pk")
    fail_refund(stripe_sim.store, refund.provider_id)
    apply_refund(read_refund(refund.provider_id), now=timezone.now())
    return refund.credit_note or note


@pytest.mark.parametrize("look", LOOKS, ids=folder_of)
def test_refunds_can_be_shown(visit, people, note, look):
    pages = {
        "billing-refunds": "/billing/",
        "credit-note-came-back": f"/credit-notes/{note.pk}/",
        "top-up": "/credit/top-up/",
        "credit-after-refund": "/credit/",
    }
    take(visit, people.users["owner"], folder_of(look), pages, **look)
    pages = {"operator-refunds": "/operator/payments/"}
    take(visit, people.users["staff"], folder_of(look), pages, **look)
