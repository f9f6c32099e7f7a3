"""Parallel calls and crashes, on committed transactions."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection, connections, transaction

from billing.models.invoices import DocumentNumber, Invoice
from billing.models.ledger import LedgerEntry, LedgerTransaction
from billing.models.rating import BillingPeriod, RatedCharge
from billing.services.invoices.issue_invoice import issue_invoice
from billing.services.rating.rate_period import rate_period
from billing.services.rating.rate_usage import rate_usage
from tests.billing.usage import (
    DECEMBER,
    NOON,
    check_books,
    draft_of,
    make_price,
    use,
)
from tests.factories import make_tenant

pytestmark = pytest.mark.django_db(transaction=True)
THREADS = 8


def in_parallel(acts):
    """Runs each of `acts` in a thread of its own, all from the same moment on."""
    barrier = Barrier(len(acts), timeout=30)

    def run(act):
        try:
            connection.ensure_connection()
            barrier.wait()
            return act()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


def test_parallel_issuing_of_one_draft_gives_one_number():
    tenant, price = make_tenant(), make_price()
    use(tenant, price, 15_000)
    rate_usage(now=NOON)
    draft = draft_of(tenant)

    invoices = in_parallel([lambda: issue_invoice(draft.pk, now=DECEMBER)] * THREADS)

    assert {invoice.number for invoice in invoices} == {"TF-2026-000001"}
    assert DocumentNumber.objects.get().last_number == 1
    check_books(tenant)


def test_parallel_issuing_of_many_drafts_leaves_no_gap():
    price, tenants = make_price(), [make_tenant() for _ in range(THREADS)]
    for tenant in tenants:
        use(tenant, price, 15_000)
    rate_usage(now=NOON)
    drafts = [draft_of(tenant).pk for tenant in tenants]

    in_parallel([lambda pk=pk: issue_invoice(pk, now=DECEMBER) for pk in drafts])

    numbers = Invoice.objects.order_by("number").values_list("number", flat=True)
    assert list(numbers) == [f"TF-2026-{n:06d}" for n in range(1, THREADS + 1)]
    for tenant in tenants:
        check_books(tenant)


def test_parallel_rating_books_growth_once():
    tenant, price = make_tenant(), make_price()
    use(tenant, price, 10)

    in_parallel([lambda: rate_usage(now=NOON)] * THREADS)

    assert LedgerTransaction.objects.count() == 1
    check_books(tenant)


def test_usage_that_commits_while_its_month_is_rated_is_rated_next():
    """It commits between the reading of the rollups and the last statement, which puts
    down how far the rating came.
    """
    tenant, price = make_tenant(), make_price()
    use(tenant, price, 10)
    late = iter([5])

    def roll_up_late(execute, sql, params, many, context):
        if sql.startswith('UPDATE "billing_billingperiod"'):
            for quantity in late:
                in_parallel([lambda q=quantity: use(tenant, price, q)])
        return execute(sql, params, many, context)

    with connection.execute_wrapper(roll_up_late):
        rate_usage(now=NOON)
    assert draft_of(tenant).total_nanos == 10 * 400

    rate_usage(now=NOON)

    assert draft_of(tenant).total_nanos == 15 * 400
    assert not BillingPeriod.objects.changed().exists()
    check_books(tenant)


def test_usage_that_is_not_committed_yet_is_waited_for_and_rated_next():
    """The roll-up holds the month's row: the rating ends after it, and is known old."""
    tenant, price = make_tenant(), make_price()
    use(tenant, price, 10)
    both = Barrier(2, timeout=30)

    def roll_up():
        with transaction.atomic():
            use(tenant, price, 5)
            both.wait()

    def rate():
        both.wait()
        rate_usage(now=NOON)

    in_parallel([roll_up, rate])
    rate_usage(now=NOON)

    assert draft_of(tenant).total_nanos == 15 * 400
    check_books(tenant)


class CrashError(Exception):
    """Stands for a process that died between two statements."""


def crash_before(statement_number):
    """A wrapper for `connection.execute_wrapper`."""
    seen = 0

    def wrapper(execute, sql, params, many, context):
        nonlocal seen
        seen += 1
        if seen == statement_number:
            raise CrashError
        return execute(sql, params, many, context)

    return wrapper


def everything():
    """All rows of billing, without ids that a rolled-back insert uses up."""
    models = (Invoice, LedgerTransaction, LedgerEntry, RatedCharge, DocumentNumber)
    return [
        sorted(
            str({k: v for k, v in row.items() if not k.endswith("id")})
            for row in model.objects.values()
        )
        for model in models
    ]


def crash_at_every_statement(act):
    """Each crash must leave what was there before; returns how many there were."""
    before, crashes = everything(), 0
    while True:
        try:
            with connection.execute_wrapper(crash_before(crashes + 1)):
                act()
        except CrashError:
            crashes += 1
            assert everything() == before
        else:
            return crashes


def test_a_crash_while_rating_leaves_no_half():
    tenant, price = make_tenant(), make_price()
    use(tenant, price, 10)
    period = BillingPeriod.objects.get()

    crashes = crash_at_every_statement(lambda: rate_period(period.pk, now=NOON))

    assert crashes > 10
    assert draft_of(tenant).total_nanos == 4_000
    check_books(tenant)


def test_a_crash_while_issuing_leaves_no_half_and_no_gap():
    tenant, price = make_tenant(), make_price()
    use(tenant, price, 15_000)
    use(tenant, price, 15_000, hour_at=DECEMBER.replace(month=11))
    rate_usage(now=NOON)
    draft, until = draft_of(tenant), NOON.replace(hour=0)

    crashes = crash_at_every_statement(
        lambda: issue_invoice(draft.pk, until=until, now=NOON)
    )

    assert crashes > 20
    assert Invoice.objects.get(pk=draft.pk).number == "TF-2026-000001"
    assert draft_of(tenant).total_nanos == 6_000_000
    check_books(tenant)
