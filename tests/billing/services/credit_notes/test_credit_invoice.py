"""Letting go of a part of an invoice, or of all that is left."""

from datetime import timedelta

import pytest

from billing.errors import (
    IdempotencyKeyReusedError,
    InvoiceNotFoundError,
    NotCreditableError,
)
from billing.models.credit import CreditGrant
from billing.models.credit_notes import CreditNote, CreditNoteTarget
from billing.models.invoices import Invoice
from billing.services.credit_notes.credit_invoice import credit_invoice
from billing.services.credit_notes.issue_credit_note import issue_credit_note
from billing.services.rating.rate_usage import rate_usage
from metering.models import UsageRollup
from tests.billing.invoices import issue_of, make_buyer, make_seller
from tests.billing.usage import (
    DECEMBER,
    balances,
    check_books,
    draft_of,
    drafts_of,
    use,
)

LATER = DECEMBER + timedelta(days=1)


@pytest.fixture
def invoice(tenant, price):
    """4.00 USD of output, 1.00 of input, 0.33 of cached input."""
    return issue_of(tenant, price, 10_000_000, 10_000_000, 16_500_000)


def credit(invoice: Invoice, **changes) -> CreditNote:
    return credit_invoice(
        invoice.pk,
        **{
            "reason": "slow answers",
            "target": CreditNoteTarget.CREDIT,
            "idempotency_key": "T1",
            "now": LATER,
            **changes,
        },
    )


def test_it_works(tenant, invoice):
    note = credit(invoice, cents=100)

    assert (note.status, note.kind, note.reason) == (
        "issued",
        "goodwill",
        "slow answers",
    )
    assert (note.total_cents, note.applied_cents) == (100, 100)
    assert balances(tenant)["receivable"] == 433 * 10_000_000
    assert balances(tenant)["adjustments"] == 10**9
    check_books(tenant)


@pytest.mark.usefixtures("tenant")
def test_an_amount_is_shared_in_proportion(invoice):
    """0.10 USD of 5.33: 7.50, 1.88 and 0.62 cents; the cents that rounding down leaves
    go to the largest remainders.
    """
    note = credit(invoice, cents=10)

    shares = dict(note.lines.values_list("line__meter", "amount_cents"))
    assert shares == {
        "output_tokens": 7,
        "new_input_tokens": 2,
        "cached_input_tokens": 1,
    }


def test_the_usage_stays_billed(tenant, price, invoice):
    """What was let go is not billed anew, and no quantity is taken."""
    note = credit(invoice)
    rate_usage(now=LATER)

    assert note.total_cents == invoice.total_cents == 533
    assert not drafts_of(tenant)
    assert set(note.lines.values_list("quantity", flat=True)) == {0}
    use(tenant, price, 1_000_000)
    rate_usage(now=LATER)
    assert draft_of(tenant).total_cents == 40
    check_books(tenant)


def test_a_given_amount_of_a_line_is_taken_from_it(tenant, invoice):
    line = invoice.lines.get(meter="new_input_tokens")

    note = credit(invoice, cents={line.pk: 30})

    (taken,) = note.lines.all()
    assert (taken.line_id, taken.amount_cents) == (line.pk, 30)
    assert taken.amount_nanos == 300_000_000
    check_books(tenant)


def test_parts_and_the_rest_are_the_whole(tenant, price):
    """Down to what was rounded away, with the tax: 0.0033 USD besides 4.03."""
    make_buyer(tenant, make_seller())
    invoice = issue_of(tenant, price, 10_075_000, 33_333)
    for number in range(5):
        credit(invoice, cents=71, idempotency_key=f"T{number}")
        check_books(tenant)
    credit(invoice, idempotency_key="rest")

    notes = CreditNote.objects.filter(invoice=invoice)
    for field in ("total_cents", "tax_cents", "total_nanos"):
        taken = sum(notes.values_list(field, flat=True))
        assert taken == getattr(invoice, field), field
    check_books(tenant)
    with pytest.raises(NotCreditableError):
        credit(invoice, idempotency_key="more")


@pytest.mark.usefixtures("tenant")
def test_a_note_is_made_once_for_its_key(invoice):
    first = credit(invoice, cents=100)

    assert credit(invoice, cents=100) == first
    assert CreditNote.objects.count() == 1


@pytest.mark.parametrize(
    "change",
    [{"cents": 99}, {"reason": "other"}, {"target": CreditNoteTarget.PAYMENT}],
)
@pytest.mark.usefixtures("tenant")
def test_it_refuses_another_note_under_the_same_key(invoice, change):
    credit(invoice, cents=100)

    with pytest.raises(IdempotencyKeyReusedError):
        credit(invoice, **{"cents": 100, **change})


@pytest.mark.parametrize("cents", [0, -1, 534, {0: 1}])
def test_it_refuses_more_than_is_left(invoice, cents):
    with pytest.raises(NotCreditableError):
        credit(invoice, cents=cents)

    assert not CreditNote.objects.exists()


def test_it_refuses_more_than_a_line_has(invoice):
    line = invoice.lines.get(meter="new_input_tokens")

    with pytest.raises(NotCreditableError):
        credit(invoice, cents={line.pk: 101})


def test_it_refuses_what_an_adjustment_is_about_to_take(tenant, invoice):
    """Half of the output is too much: only 3.33 USD are there to be let go."""
    UsageRollup.objects.filter(meter="output_tokens").update(quantity=5_000_000)
    rate_usage(now=LATER)

    with pytest.raises(NotCreditableError):
        credit(invoice, cents=334)
    assert credit(invoice, cents=333).total_cents == 333
    check_books(tenant)
    draft = CreditNote.objects.get(status="draft")
    assert issue_credit_note(draft.pk, now=LATER).total_cents == 200
    check_books(tenant)


@pytest.mark.parametrize("field", ["reason", "idempotency_key"])
def test_it_refuses_a_note_without_a_reason_or_key(invoice, field):
    with pytest.raises(NotCreditableError):
        credit(invoice, **{field: ""})


def test_it_refuses_a_draft(tenant, price):
    use(tenant, price, 10_000_000)
    rate_usage(now=LATER)

    with pytest.raises(NotCreditableError):
        credit(draft_of(tenant), cents=1)


@pytest.mark.usefixtures("db")
def test_it_refuses_an_invoice_that_is_not_there():
    with pytest.raises(InvoiceNotFoundError):
        credit(Invoice(pk=1))


def test_nothing_is_granted_of_what_was_not_paid(invoice):
    credit(invoice)

    assert not CreditGrant.objects.exists()
