"""What was billed too much is taken back by a document."""

from datetime import timedelta

import pytest

from billing.errors import CreditNoteNotFoundError, NothingToIssueError
from billing.models.credit import CreditGrant
from billing.models.credit_notes import CreditNote, CreditNoteLine
from billing.models.document_mails import DocumentMail
from billing.services.credit_notes.issue_credit_note import issue_credit_note
from billing.services.rating.rate_usage import rate_usage
from metering.models import UsageRollup
from tests.billing.invoices import issue_of, make_buyer, make_seller
from tests.billing.usage import DECEMBER, balances, check_books, drafts_of, use
from tests.factories import make_tenant

DAY = timedelta(days=1)
LATER = DECEMBER + DAY


@pytest.fixture
def invoice(tenant, price):
    """10,000,000 tokens * 0.40 USD per million = 4.00 USD."""
    return issue_of(tenant, price, 10_000_000)


def shrink(quantity: int) -> CreditNote:
    """Half of the usage turns out to be somebody else's."""
    UsageRollup.objects.update(quantity=quantity)
    rate_usage(now=LATER)
    return CreditNote.objects.get(status="draft")


@pytest.mark.usefixtures("invoice")
def test_it_works(tenant):
    """Nothing was paid: 3 of the 4 USD are no longer due."""
    draft = shrink(2_500_000)
    check_books(tenant)

    note = issue_credit_note(draft.pk, now=LATER)

    note.refresh_from_db()
    assert (note.status, note.number) == ("issued", "TF-CN-2026-000001")
    assert (note.kind, note.issued_at) == ("adjustment", LATER)
    assert (note.total_cents, note.tax_cents, note.total_nanos) == (
        300,
        0,
        3 * 10**9,
    )
    assert (note.applied_cents, note.credited_cents, note.refunded_cents) == (300, 0, 0)
    assert balances(tenant)["receivable"] == 10**9
    assert balances(tenant)["revenue"] == -(10**9)
    assert DocumentMail.objects.get(credit_note=note).sent_at is None
    assert not drafts_of(tenant)
    check_books(tenant)


@pytest.mark.usefixtures("invoice")
def test_a_second_call_changes_nothing(tenant):
    draft = shrink(1)
    first = issue_credit_note(draft.pk, now=LATER)

    again = issue_credit_note(draft.pk, now=LATER + DAY)

    assert (again.number, again.issued_at) == (first.number, LATER)
    assert CreditNote.objects.count() == 1
    check_books(tenant)


@pytest.mark.usefixtures("invoice")
def test_what_rating_finds_last_is_what_is_taken(tenant):
    draft = shrink(5_000_000)
    UsageRollup.objects.update(quantity=7_500_000)

    note = issue_credit_note(draft.pk, now=LATER)

    assert note.total_cents == 100
    check_books(tenant)


def test_an_invoice_that_is_lowered_to_nothing_is_paid(tenant, invoice):
    draft = shrink(0)

    issue_credit_note(draft.pk, now=LATER)

    invoice.refresh_from_db()
    assert (invoice.status, invoice.settled_at) == ("paid", LATER)
    assert balances(tenant)["receivable"] == 0
    check_books(tenant)


@pytest.mark.usefixtures("invoice")
def test_usage_that_comes_back_is_billed_again(tenant, price):
    issue_credit_note(shrink(2_500_000).pk, now=LATER)
    use(tenant, price, 7_500_000)
    rate_usage(now=LATER)

    assert drafts_of(tenant).get().total_cents == 300
    check_books(tenant)


@pytest.mark.parametrize("is_tax_inclusive", [False, True])
def test_all_notes_together_give_back_exactly_the_tax(tenant, price, is_tax_inclusive):
    """19 % of 4.03 USD are 77 cents, of a third of it 26 each: the last takes 25."""
    seller = make_seller(is_tax_inclusive=is_tax_inclusive)
    make_buyer(tenant, seller)
    invoice = issue_of(tenant, price, 10_075_000)
    taxes = []
    for quantity in (6_716_000, 3_358_000, 0):
        note = issue_credit_note(shrink(quantity).pk, now=LATER)
        taxes.append(note.tax_cents)
        check_books(tenant)

    assert sum(taxes) == invoice.tax_cents
    assert invoice.tax_cents == (64 if is_tax_inclusive else 77)
    notes = CreditNote.objects.values_list("total_cents", flat=True)
    assert sum(notes) == invoice.total_cents


def test_the_latest_invoice_of_the_month_is_lowered_first(tenant, price, invoice):
    """1 USD on a second invoice, and 3 are too much: it is lowered whole, the first by
    the rest.
    """
    second = issue_of(tenant, price, 2_500_000)
    UsageRollup.objects.update(quantity=5_000_000)
    rate_usage(now=LATER)

    for pk in CreditNote.objects.values_list("pk", flat=True):
        issue_credit_note(pk, now=LATER)

    totals = dict(CreditNote.objects.values_list("invoice_id", "total_cents"))
    assert totals == {second.pk: 100, invoice.pk: 200}
    check_books(tenant)


def test_numbers_of_notes_are_a_series_of_their_own(price):
    for _ in range(2):
        issue_of(make_tenant(), price, 1_000_000)
    UsageRollup.objects.update(quantity=1)
    rate_usage(now=LATER)
    drafts = CreditNote.objects.order_by("pk").values_list("pk", flat=True)
    numbers = [issue_credit_note(pk, now=LATER).number for pk in drafts]

    assert numbers == ["TF-CN-2026-000001", "TF-CN-2026-000002"]


@pytest.mark.usefixtures("tenant", "invoice")
def test_nothing_becomes_credit_while_something_is_due():
    issue_credit_note(shrink(0).pk, now=LATER)

    assert not CreditGrant.objects.exists()


@pytest.mark.usefixtures("db")
def test_it_refuses_a_note_that_is_not_there():
    with pytest.raises(CreditNoteNotFoundError):
        issue_credit_note(1, now=LATER)


@pytest.mark.usefixtures("tenant", "invoice")
def test_it_refuses_a_difference_that_is_gone():
    draft = shrink(1)
    UsageRollup.objects.update(quantity=10_000_000)

    with pytest.raises(NothingToIssueError):
        issue_credit_note(draft.pk, now=LATER)

    assert not CreditNoteLine.objects.filter(credit_note__status="issued").exists()
