"""Any history of use, late use, lost use, rating, issuing, crediting, voiding, giving
up and paying keeps the books.

`python -m benchmarks.billing histories` walks through more of them than the suite does.
"""

import os
from datetime import timedelta

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing.domain.money import amount_nanos
from billing.errors import (
    BillingError,
    NothingToIssueError,
    ReceiptsDifferError,
)
from billing.models.credit_notes import CreditNote, CreditNoteTarget
from billing.models.invoices import Invoice
from billing.models.rating import RatedCharge
from billing.models.taxes import LegalEntity
from billing.services.credit.grant_credit import grant_credit
from billing.services.credit_notes.credit_invoice import credit_invoice
from billing.services.credit_notes.issue_credit_note import issue_credit_note
from billing.services.credit_notes.issue_due_credit_notes import issue_due_credit_notes
from billing.services.invoices.issue_due_invoices import issue_due_invoices
from billing.services.invoices.issue_invoice import issue_invoice
from billing.services.invoices.settle_invoice import due_cents
from billing.services.invoices.void_invoice import void_invoice
from billing.services.invoices.write_off_invoice import write_off_invoice
from billing.services.payments.record_bank_transfer import record_bank_transfer
from billing.services.rating.rate_usage import rate_usage
from metering.models import UsageRollup
from tests.billing.invoices import make_buyer, make_seller
from tests.billing.usage import NOVEMBER, check_books, make_price, use
from tests.factories import make_served_model, make_tenant

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
METERS = ("new_input_tokens", "cached_input_tokens", "output_tokens", "requests")
# Rates that leave fractions, a usual one and none at all, in micro-USD per million.
RATES = ((333, 7, 1_501), (100_000, 20_000, 400_000), (0, 0, 0))
HOURS_OF_TWO_MONTHS = 61 * 24

uses = st.tuples(
    st.just("use"),
    st.integers(0, 1),  # tenant
    st.integers(0, len(RATES) - 1),  # price
    st.sampled_from(METERS),
    st.integers(0, HOURS_OF_TWO_MONTHS - 1),
    st.integers(1, 5_000_000),
)
ratings = st.tuples(st.just("rate"))
issues = st.tuples(
    st.just("issue"), st.integers(0, 1), st.integers(0, HOURS_OF_TWO_MONTHS // 24)
)
month_ends = st.tuples(st.just("month end"), st.integers(1, 70))
rebuilds = st.tuples(st.just("rebuild"))
tenants, places = st.integers(0, 1), st.integers(0, 9)
losses = st.tuples(st.just("lose"), tenants, places, st.integers(0, 100))
notes = st.tuples(st.just("take back"))
credits_ = st.tuples(
    st.just("credit"),
    tenants,
    places,
    st.one_of(st.none(), st.integers(1, 300)),
    st.sampled_from(CreditNoteTarget),
)
voids = st.tuples(st.just("void"), tenants, places)
write_offs = st.tuples(st.just("write off"), tenants, places)
payments = st.tuples(st.just("pay"), tenants, places, st.integers(1, 100))
grants = st.tuples(st.just("grant"), tenants, st.integers(1, 500))
HISTORIES = int(os.environ.get("TOKENFAB_HISTORIES", "40"))


class Story:
    """Two tenants, one of which pays 19 % of tax in its prices or on top, three
    prices, and a clock that each act moves on.
    """

    def __init__(self, *, is_tax_inclusive):
        self.tenants = [make_tenant(), make_tenant()]
        seller = make_seller(number_prefix="TX", is_tax_inclusive=is_tax_inclusive)
        make_buyer(self.tenants[1], seller)
        LegalEntity.objects.create(number_prefix="TF", name="Tokenfab")
        make_buyer(
            self.tenants[0], LegalEntity.objects.get(number_prefix="TF"), country="US"
        )
        self.prices = [
            make_price(make_served_model(name=f"m{n}", is_default=False), rates=rates)
            for n, rates in enumerate(RATES)
        ]
        self.now = NOVEMBER

    def act(self, name, *arguments):
        self.now += HOUR
        getattr(self, name.replace(" ", "_"))(*arguments)
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("SET CONSTRAINTS ALL DEFERRED")
        for tenant in self.tenants:
            check_books(tenant)

    def use(self, tenant, price, meter, hour, quantity):
        use(
            self.tenants[tenant],
            self.prices[price],
            quantity,
            meter=meter,
            hour_at=NOVEMBER + hour * HOUR,
        )

    def rate(self):
        assert rate_usage(now=self.now).refused == 0

    def issue(self, tenant, day):
        until = NOVEMBER + timedelta(days=day)
        drafts = Invoice.objects.filter(tenant=self.tenants[tenant], status="draft")
        for draft in drafts.order_by("period_start"):
            try:
                issue_invoice(draft.pk, now=self.now, until=until)
            except (NothingToIssueError, ReceiptsDifferError):
                # What receipts show, and no rollup any more, is not billed.
                continue

    def month_end(self, day):
        now = NOVEMBER + timedelta(days=day)
        issue_due_invoices(now=now)
        issue_due_credit_notes(now=now)

    def lose(self, tenant, place, percent):
        """Use that turns out to be somebody else's, also what was let go of already."""
        rows = UsageRollup.objects.filter(tenant_id=self.tenants[tenant].pk)
        rows = rows.order_by("pk")
        if rows:
            row = rows[place % len(rows)]
            row.quantity = row.quantity * percent // 100
            row.save()

    def take_back(self):
        for note in CreditNote.objects.filter(status="draft"):
            self.unless_refused(issue_credit_note, note.pk)

    def credit(self, tenant, place, cents, target):
        self.rate()
        self.of_invoice(
            credit_invoice,
            tenant,
            place,
            reason="slow answers",
            target=target,
            idempotency_key=str(self.now),
            cents=cents,
        )

    def void(self, tenant, place):
        self.of_invoice(void_invoice, tenant, place, reason="wrong buyer")

    def write_off(self, tenant, place):
        self.of_invoice(write_off_invoice, tenant, place, reason="insolvent")

    def pay(self, tenant, place, percent):
        if invoice := self.invoice(tenant, place):
            self.unless_refused(
                record_bank_transfer,
                tenant=invoice.tenant,
                invoice=invoice,
                amount_cents=-(-due_cents(invoice) * percent // 100),
                note="",
                idempotency_key=str(self.now),
            )

    def grant(self, tenant, cents):
        grant_credit(
            tenant=self.tenants[tenant],
            amount_nanos=cents * 10_000_000,
            reason="transfer",
            idempotency_key=str(self.now),
            now=self.now,
        )

    def invoice(self, tenant, place):
        rows = Invoice.objects.filter(tenant=self.tenants[tenant]).order_by("pk")
        return rows[place % len(rows)] if rows else None

    def of_invoice(self, service, tenant, place, **arguments):
        if invoice := self.invoice(tenant, place):
            self.unless_refused(service, invoice.pk, **arguments)

    def unless_refused(self, service, *arguments, **named):
        """Refusals are tried elsewhere; here they may leave nothing behind."""
        try:
            service(*arguments, now=self.now, **named)
        except BillingError:
            return

    def rebuild(self):
        """The rollups are a cache: taken away and made again, they change nothing."""
        rows = list(UsageRollup.objects.all())
        UsageRollup.objects.all().delete()
        UsageRollup.objects.bulk_create(rows)

    def rated_from_scratch(self, tenant):
        """What an accountant would find with the rollups and the price list alone."""
        rates = {price.pk: price.rates for price in self.prices}
        sums: dict[tuple[int, int, str], int] = {}
        amount = 0
        for row in UsageRollup.objects.filter(tenant_id=tenant.pk):
            if row.meter != "requests":
                key = (row.hour_at.month, row.price_version_id, row.meter)
                sums[key] = sums.get(key, 0) + row.quantity
        for (_, version, meter), quantity in sums.items():
            rate = rates[version].of_meter(meter)
            assert rate is not None
            amount += amount_nanos(quantity, rate)
        return amount


def check_numbers():
    """From 1 on in each series and year, without a gap."""
    by_series: dict[tuple[str, int], list[int]] = {}
    for documents in (Invoice, CreditNote):
        rows = documents.objects.filter(number__isnull=False).order_by("number")
        for number, year in rows.values_list("number", "issued_at__year"):
            series, year_of_number, sequence = str(number).rsplit("-", 2)
            assert int(year_of_number) == year
            by_series.setdefault((series, year), []).append(int(sequence))
    for sequences in by_series.values():
        assert sequences == list(range(1, len(sequences) + 1))


@pytest.mark.usefixtures("valkey")
@settings(
    max_examples=HISTORIES,
    deadline=None,
    # One transaction for each example makes the database a fresh one.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    is_tax_inclusive=st.booleans(),
    acts=st.lists(
        st.one_of(
            *(uses, uses, uses, ratings, issues, issues, month_ends, rebuilds),
            *(losses, notes, credits_, voids, write_offs, payments, payments, grants),
        ),
        max_size=30,
    ),
)
def test_no_history_loses_or_invents_a_nanos(acts, is_tax_inclusive):
    with transaction.atomic():
        story = Story(is_tax_inclusive=is_tax_inclusive)
        for act in [*acts, ("rate",)]:
            story.act(*act)

        for tenant in story.tenants:
            rated = RatedCharge.objects.filter(tenant=tenant)
            amounts = rated.values_list("amount_nanos", flat=True)
            assert sum(amounts) == story.rated_from_scratch(tenant)
        check_numbers()
        transaction.set_rollback(True)
