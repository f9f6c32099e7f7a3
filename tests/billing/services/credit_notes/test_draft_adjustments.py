"""A line that goodwill let go of, and that turns out to be less."""

from datetime import timedelta

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing.models.credit_notes import CreditNote, CreditNoteTarget
from billing.models.invoices import Invoice
from billing.models.rating import BillingPeriod
from billing.services.credit_notes.credit_invoice import credit_invoice
from billing.services.credit_notes.issue_credit_note import issue_credit_note
from billing.services.invoices.issue_invoice import issue_invoice
from billing.services.invoices.settle_invoice import due_cents
from billing.services.rating.rate_usage import rate_usage
from metering.models import UsageRollup
from tests.billing.invoices import issue_of
from tests.billing.usage import (
    DECEMBER,
    balances,
    check_books,
    drafts_of,
    make_price,
    use,
)
from tests.factories import make_tenant

LATER = DECEMBER + timedelta(days=1)
USD = 1_000_000_000


@pytest.fixture
def invoice(tenant, price):
    """10,000,000 tokens * 0.40 USD per million = 4.00 USD, and 3 of them let go."""
    invoice = issue_of(tenant, price, 10_000_000)
    let_go(invoice, 300)
    return invoice


def let_go(invoice: Invoice, cents: int) -> None:
    credit_invoice(
        invoice.pk,
        reason="slow answers",
        target=CreditNoteTarget.CREDIT,
        idempotency_key="T1",
        now=DECEMBER,
        cents=cents,
    )


def come_to(tenant, price, tokens: int) -> None:
    """So much of the month is the tenant's: some turned out to be somebody else's, or
    came late. What follows is issued.
    """
    rows = UsageRollup.objects.filter(tenant_id=tenant.pk, meter="output_tokens")
    if (before := rows.get().quantity) < tokens:
        use(tenant, price, tokens - before)
    rows.update(quantity=tokens)
    assert rate_usage(now=LATER).refused == 0
    check_books(tenant)
    for note in CreditNote.objects.filter(tenant=tenant, status="draft"):
        issue_credit_note(note.pk, now=LATER)
    for draft in drafts_of(tenant):
        issue_invoice(draft.pk, now=LATER)
    check_books(tenant)


def owed_cents(tenant) -> int:
    return sum(due_cents(one) for one in Invoice.objects.filter(tenant=tenant))


def test_it_works(tenant, price, invoice):
    """1 USD of the usage was the tenant's: the adjustment takes the 1 that is left of 3
    that are too much, and 2 of the goodwill were for what was never owed.
    """
    come_to(tenant, price, 2_500_000)

    note = CreditNote.objects.get(kind="adjustment")
    assert (note.status, note.total_cents) == ("issued", 100)
    assert note.lines.get().quantity == 7_500_000
    assert due_cents(invoice) == 0
    assert BillingPeriod.objects.get().goodwill_covered_nanos == 2 * USD
    found = balances(tenant)
    assert (found["revenue"], found["adjustments"]) == (-USD, USD)
    assert (found["receivable"], found["unbilled"]) == (0, 0)


@pytest.mark.usefixtures("invoice")
def test_rating_again_books_nothing(tenant, price):
    come_to(tenant, price, 2_500_000)
    before = balances(tenant)

    come_to(tenant, price, 2_500_000)

    assert balances(tenant) == before
    assert CreditNote.objects.count() == 2


@pytest.mark.usefixtures("invoice")
def test_what_is_left_may_be_nothing(tenant, price):
    let_go(Invoice.objects.get(), 300)  # the same key: the same note
    come_to(tenant, price, 0)

    assert BillingPeriod.objects.get().goodwill_covered_nanos == 3 * USD
    assert balances(tenant)["adjustments"] == 0
    assert balances(tenant)["revenue"] == 0


@pytest.mark.usefixtures("invoice")
@pytest.mark.parametrize(
    ("tokens", "covered", "owed"),
    [(5_000_000, 1 * USD, 0), (7_500_000, 0, 0), (10_000_000, 0, 100)],
)
def test_goodwill_stands_again_before_anything_is_billed_anew(
    tenant, price, tokens, covered, owed
):
    come_to(tenant, price, 2_500_000)

    come_to(tenant, price, tokens)

    assert BillingPeriod.objects.get().goodwill_covered_nanos == covered
    assert owed_cents(tenant) == owed
    assert balances(tenant)["adjustments"] == 3 * USD - covered


@pytest.mark.django_db
@pytest.mark.usefixtures("valkey")
@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    goodwill_cents=st.integers(1, 400),
    months=st.lists(st.integers(0, 12_000_000), min_size=1, max_size=4),
)
def test_the_tenant_owes_the_month_less_what_was_let_go(goodwill_cents, months):
    """Whatever it came to in between."""
    with transaction.atomic():
        tenant, price = make_tenant(), make_price()
        let_go(issue_of(tenant, price, 10_000_000), goodwill_cents)

        for tokens in months:
            come_to(tenant, price, tokens)
            # 25,000 tokens are a cent; parts of cents are rounded on each document.
            expected = max(0, tokens / 25_000 - goodwill_cents)
            assert abs(owed_cents(tenant) - expected) <= len(months) + 1
        transaction.set_rollback(True)
