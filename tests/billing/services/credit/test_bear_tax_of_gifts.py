"""Nobody owes anything for a gift, and so no tax on what it pays for."""

import pytest

from billing.domain.credit import CreditKind
from billing.models.credit import CreditGrant
from billing.models.plans import PlanKind
from billing.services.credit.credit_of import credit_of
from billing.services.credit.expire_credit import expire_credit
from billing.services.invoices.issue_invoice import issue_invoice
from billing.services.invoices.void_invoice import void_invoice
from billing.services.plans.start_subscription import start_subscription
from tests.billing.credit import CENT, give, remaining
from tests.billing.invoices import issue_of, make_buyer, make_seller
from tests.billing.plans import make_plan
from tests.billing.usage import DECEMBER, NOON, balances, check_books, draft_of, use

pytestmark = pytest.mark.usefixtures("valkey")


def gifts_for_tax(tenant) -> list[int]:
    rows = CreditGrant.objects.filter(tenant=tenant, reason="Tax on what gifts pay for")
    return list(rows.values_list("amount_nanos", flat=True))


@pytest.fixture
def german(tenant):
    """19 % come on top."""
    return make_buyer(tenant, make_seller())


@pytest.mark.usefixtures("german")
def test_it_works(tenant, price):
    """A gift of 4 USD paid for all calls: their tax of 0.76 is ours."""
    give(tenant, 400 * CENT, kind=CreditKind.PROMOTIONAL)

    invoice = issue_of(tenant, price, 10_000_000)

    assert (invoice.tax_cents, invoice.total_cents) == (76, 476)
    assert (invoice.status, invoice.credit_applied_cents) == ("paid", 476)
    assert gifts_for_tax(tenant) == [76 * CENT]
    assert balances(tenant)["promotions"] == 476 * CENT
    assert balances(tenant)["tax"] == -76 * CENT
    check_books(tenant)


@pytest.mark.usefixtures("german")
def test_a_free_plan_is_free(tenant, price):
    """Its credit ended with the month, before the invoice."""
    free = make_plan(kind=PlanKind.FREE, price_cents=0, credit_cents=400)
    start_subscription(tenant_id=tenant.pk, plan=free, now=NOON)
    use(tenant, price, 10_000_000)
    expire_credit(now=DECEMBER)

    invoice = issue_of(tenant, price)

    assert (invoice.status, invoice.total_cents) == ("paid", 476)
    check_books(tenant)


@pytest.mark.usefixtures("german")
def test_what_was_bought_pays_its_own_tax(tenant, price):
    bought = give(tenant, 400 * CENT)

    invoice = issue_of(tenant, price, 10_000_000)

    assert (invoice.status, invoice.credit_applied_cents) == ("issued", 400)
    assert (gifts_for_tax(tenant), remaining(bought)) == ([], 0)
    check_books(tenant)


@pytest.mark.usefixtures("german")
def test_the_part_of_the_gift_counts(tenant, price):
    """A quarter of the calls is a gift, and a quarter of the tax."""
    give(tenant, 100 * CENT, kind=CreditKind.PROMOTIONAL)
    bought = give(tenant, 1_000 * CENT)

    invoice = issue_of(tenant, price, 10_000_000)

    assert gifts_for_tax(tenant) == [19 * CENT]
    assert (invoice.status, remaining(bought)) == ("paid", 643 * CENT)
    check_books(tenant)


@pytest.mark.usefixtures("german")
def test_a_gift_that_is_enough_pays_it_itself(tenant, price):
    give(tenant, 1_000 * CENT, kind=CreditKind.PROMOTIONAL)

    issue_of(tenant, price, 10_000_000)

    assert gifts_for_tax(tenant) == []
    assert credit_of(tenant) == 524 * CENT


def test_there_is_none_where_prices_hold_the_tax(tenant, price):
    make_buyer(tenant, make_seller(is_tax_inclusive=True))
    give(tenant, 400 * CENT, kind=CreditKind.PROMOTIONAL)

    invoice = issue_of(tenant, price, 10_000_000)

    assert (invoice.status, invoice.tax_cents) == ("paid", 64)
    assert gifts_for_tax(tenant) == []
    check_books(tenant)


@pytest.mark.usefixtures("german")
def test_it_is_not_given_again_after_a_void(tenant, price):
    give(tenant, 400 * CENT, kind=CreditKind.PROMOTIONAL)
    void_invoice(
        issue_of(tenant, price, 10_000_000).pk, reason="wrong buyer", now=DECEMBER
    )

    invoice = issue_invoice(draft_of(tenant).pk, now=DECEMBER)

    assert (invoice.status, credit_of(tenant)) == ("paid", 0)
    assert gifts_for_tax(tenant) == [76 * CENT]
    check_books(tenant)
