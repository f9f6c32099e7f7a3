"""Differences wait as long as invoices do, and months that still run."""

from datetime import timedelta

import pytest

from billing.models.credit_notes import CreditNote
from billing.models.issue_blocks import IssueBlock
from billing.services.credit_notes.issue_due_credit_notes import issue_due_credit_notes
from billing.services.invoices.issue_due_invoices import COLLECTION_GRACE
from billing.services.invoices.issue_invoice import issue_invoice
from billing.services.rating.rate_usage import rate_usage
from metering.models import UsageRollup
from tests.billing.invoices import issue_of
from tests.billing.usage import DECEMBER, NOON, check_books, draft_of, use

SECOND = timedelta(seconds=1)
FOUND_AT = DECEMBER + timedelta(days=5)
DUE = FOUND_AT + COLLECTION_GRACE


@pytest.fixture
def note(tenant, price):
    """3.00 USD are too much."""
    issue_of(tenant, price, 10_000_000)
    UsageRollup.objects.update(quantity=2_500_000)
    rate_usage(now=FOUND_AT)
    return CreditNote.objects.get()


def test_it_works(tenant, note):
    (issued,) = issue_due_credit_notes(now=DUE)

    assert (issued.pk, issued.number) == (note.pk, "TF-CN-2026-000001")
    assert issue_due_credit_notes(now=DUE) == []
    check_books(tenant)


@pytest.mark.usefixtures("tenant")
def test_it_waits_for_late_usage(note):
    assert issue_due_credit_notes(now=DUE - SECOND) == []
    UsageRollup.objects.update(quantity=3_000_000)
    rate_usage(now=DUE - SECOND)

    assert issue_due_credit_notes(now=DUE) == []
    assert issue_due_credit_notes(now=DUE - SECOND + COLLECTION_GRACE) == [note]


def test_it_waits_for_the_end_of_the_month(tenant, price):
    """What is too much on an invoice for a part may be used yet."""
    use(tenant, price, 10_000_000)
    rate_usage(now=NOON)
    later = NOON + timedelta(days=1)
    issue_invoice(draft_of(tenant).pk, until=NOON.replace(hour=13), now=later)
    UsageRollup.objects.update(quantity=1)
    rate_usage(now=later)

    assert issue_due_credit_notes(now=DECEMBER + COLLECTION_GRACE - SECOND) == []
    assert len(issue_due_credit_notes(now=DECEMBER + COLLECTION_GRACE)) == 1


@pytest.mark.usefixtures("tenant", "note")
def test_one_whose_difference_is_gone_is_no_error(caplog):
    UsageRollup.objects.update(quantity=10_000_000)

    assert issue_due_credit_notes(now=DUE) == []
    assert not caplog.records


def test_one_that_cannot_be_issued_says_why(tenant, price, note):
    use(tenant, price, 1, model="other")

    assert issue_due_credit_notes(now=DUE) == []

    block = IssueBlock.objects.get()
    assert (block.credit_note, block.code) == (note, "unpriced_usage")
    UsageRollup.objects.filter(model="other").delete()
    assert issue_due_credit_notes(now=DUE) == [note]
    assert not IssueBlock.objects.exists()
