"""What lacks to a commitment follows what the earlier months of its term came to."""

from datetime import UTC, datetime, timedelta

import pytest

from billing.services.plans.start_subscription import start_subscription
from billing.services.rating.open_months import open_months
from billing.services.rating.rate_usage import rate_usage
from tests.billing.plans import make_plan
from tests.billing.usage import NOON, NOVEMBER, check_books, draft_of, drafts_of, use

JANUARY = datetime(2027, 1, 1, tzinfo=UTC)
FEBRUARY = datetime(2027, 2, 1, tzinfo=UTC)
USD = 1_000_000_000


@pytest.fixture
def committed(tenant):
    """100 USD in the three months from November on, of which 4 are used in November."""
    plan = make_plan(price_cents=0, commitment_cents=100_00, commitment_months=3)
    start_subscription(tenant_id=tenant.pk, plan=plan, now=NOVEMBER)
    open_months(now=JANUARY)


def lacking(tenant):
    rate_usage(now=JANUARY)
    rate_usage(now=JANUARY)  # what the first one marked
    return draft_of(tenant, JANUARY).lines.get(kind="commitment").amount_nanos


@pytest.mark.usefixtures("committed")
def test_it_works(tenant, price):
    use(tenant, price, 10_000_000)
    assert lacking(tenant) == 96 * USD

    use(tenant, price, 10_000_000, hour_at=NOON + timedelta(hours=1))

    assert lacking(tenant) == 92 * USD
    check_books(tenant)


@pytest.mark.usefixtures("committed")
def test_what_is_used_after_the_term_is_not_of_it(tenant, price):
    use(tenant, price, 10_000_000, hour_at=FEBRUARY)

    assert lacking(tenant) == 100 * USD


@pytest.mark.usefixtures("committed")
def test_a_commitment_that_is_reached_lacks_nothing(tenant, price):
    use(tenant, price, 250_000_000)

    rate_usage(now=JANUARY)
    rate_usage(now=JANUARY)

    assert not drafts_of(tenant, JANUARY).exists()
    check_books(tenant)
