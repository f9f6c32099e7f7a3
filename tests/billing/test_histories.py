"""Any history of use, late use, rating and issuing keeps the books."""

from datetime import timedelta

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing.domain.money import amount_nano_usd
from billing.errors import NothingToIssueError
from billing.models.invoices import Invoice
from billing.models.rating import RatedCharge
from billing.services.issue_due_invoices import issue_due_invoices
from billing.services.issue_invoice import issue_invoice
from billing.services.rate_usage import rate_usage
from metering.models import UsageRollup
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


class Story:
    """Two tenants, three prices, and a clock that each act moves on."""

    def __init__(self):
        self.tenants = [make_tenant(), make_tenant()]
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
            except NothingToIssueError:
                continue

    def month_end(self, day):
        issue_due_invoices(now=NOVEMBER + timedelta(days=day))

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
            amount += amount_nano_usd(quantity, rate)
        return amount


def check_numbers():
    """From 1 on in each year, without a gap."""
    numbers = Invoice.objects.filter(number__isnull=False).order_by("number")
    by_year: dict[int, list[int]] = {}
    for number, year in numbers.values_list("number", "issued_at__year"):
        _, year_of_number, sequence = str(number).split("-")
        assert int(year_of_number) == year
        by_year.setdefault(year, []).append(int(sequence))
    for sequences in by_year.values():
        assert sequences == list(range(1, len(sequences) + 1))


@settings(
    max_examples=40,
    deadline=None,
    # One transaction for each example makes the database a fresh one.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    st.lists(
        st.one_of(uses, uses, uses, ratings, issues, month_ends, rebuilds), max_size=25
    )
)
def test_no_history_loses_or_invents_a_nano_usd(acts):
    with transaction.atomic():
        story = Story()
        for act in [*acts, ("rate",)]:
            story.act(*act)

        for tenant in story.tenants:
            rated = RatedCharge.objects.filter(tenant=tenant)
            amounts = rated.values_list("amount_nano_usd", flat=True)
            assert sum(amounts) == story.rated_from_scratch(tenant)
        check_numbers()
        transaction.set_rollback(True)
