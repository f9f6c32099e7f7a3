"""What the database itself refuses, whoever asks."""

import pytest
from django.db import IntegrityError, connection, transaction

from billing.models.invoices import Invoice, LineItem
from billing.models.ledger import LedgerAccount, LedgerEntry, LedgerTransaction
from billing.models.prices import PriceVersion
from billing.services.invoices.issue_invoice import issue_invoice
from billing.services.rating.rate_usage import rate_usage
from tests.billing.usage import (
    DECEMBER,
    NOON,
    NOVEMBER,
    draft_of,
    make_price,
    use,
)
from tests.factories import make_served_model, make_tenant

pytestmark = pytest.mark.django_db


@pytest.fixture
def draft(tenant, price):
    use(tenant, price, 100_000)
    rate_usage(now=NOON)
    return draft_of(tenant)


@pytest.fixture
def invoice(draft):
    return issue_invoice(draft.pk, now=DECEMBER)


def refused(act):
    with pytest.raises(IntegrityError) as error:
        _committed(act)
    return str(error.value)


@transaction.atomic
def _committed(act):
    """Also asks the constraints that wait for the commit."""
    act()
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def post(tenant, amounts, *, accounts=None):
    """A transaction with one entry for each of `amounts`."""
    row = LedgerTransaction.objects.create(
        tenant=tenant, kind="usage_rated", reference="test", booked_at=NOON
    )
    accounts = accounts or LedgerAccount.objects.filter(tenant=tenant)
    for account, amount in zip(accounts, amounts, strict=False):
        LedgerEntry.objects.create(
            tenant=tenant, transaction=row, account=account, amount_nanos=amount
        )


@pytest.mark.usefixtures("draft")
def test_a_balanced_transaction_works(tenant):
    post(tenant, [5, -5])

    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    assert LedgerTransaction.objects.get(reference="test").entries.count() == 2


@pytest.mark.usefixtures("draft")
@pytest.mark.parametrize(
    ("amounts", "reason"),
    [([5, -4], "sum to zero"), ([5], "sum to zero"), ([], "no entries")],
)
def test_it_refuses_an_unbalanced_transaction(tenant, amounts, reason):
    assert reason in refused(lambda: post(tenant, amounts))


@pytest.mark.usefixtures("draft")
def test_it_refuses_an_entry_of_nothing(tenant):
    assert "ledger_entry_not_zero" in refused(lambda: post(tenant, [0, 0]))


@pytest.mark.usefixtures("draft")
def test_it_refuses_entries_of_two_tenants_in_one_transaction(tenant):
    stranger = LedgerAccount.objects.create(tenant=make_tenant(), kind="revenue")
    mine = LedgerAccount.objects.filter(tenant=tenant).first()

    reason = refused(lambda: post(tenant, [5, -5], accounts=[mine, stranger]))

    assert "billing_ledgerentry_account_id_tenant" in reason


@pytest.mark.usefixtures("draft")
def test_it_refuses_a_second_transaction_of_the_same_act(tenant):
    booked = LedgerTransaction.objects.get(tenant=tenant)

    reason = refused(
        lambda: LedgerTransaction.objects.create(
            tenant=tenant,
            kind=booked.kind,
            reference=booked.reference,
            booked_at=NOON,
        )
    )

    assert "reference" in reason


@pytest.mark.usefixtures("invoice")
@pytest.mark.parametrize("model", [LedgerAccount, LedgerTransaction, LedgerEntry])
@pytest.mark.parametrize("act", ["update", "delete", "truncate"])
def test_the_books_are_append_only(model, act):
    table = connection.ops.quote_name(model._meta.db_table)
    statement = {
        "update": f"UPDATE {table} SET id = id",  # noqa: S608
        "delete": f"DELETE FROM {table}",  # noqa: S608
        "truncate": f"TRUNCATE {table} CASCADE",
    }[act]

    def act_in_sql():
        with connection.cursor() as cursor:
            cursor.execute(statement)

    # A pending deferred check would stop the TRUNCATE for another reason.
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    assert "refused" in refused(act_in_sql)


@pytest.mark.parametrize(
    "change",
    [
        {"total_cents": 0},
        {"number": "TF-2026-000009"},
        {"period_end": NOON},
        {"status": "draft"},
        {"status": "paid", "total_cents": 0},
        {"status": "draft", "number": None, "issued_at": None},
    ],
)
def test_it_refuses_to_change_an_issued_invoice(invoice, change):
    reason = refused(lambda: Invoice.objects.filter(pk=invoice.pk).update(**change))

    assert "final once issued" in reason


def test_an_issued_invoice_is_paid_and_then_final(invoice):
    Invoice.objects.filter(pk=invoice.pk).update(status="paid")

    assert "final" in refused(
        lambda: Invoice.objects.filter(pk=invoice.pk).update(status="void")
    )


def test_it_refuses_to_delete_an_issued_invoice(invoice):
    def delete():
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM billing_invoice WHERE id = %s", [invoice.pk])

    assert "final once issued: DELETE" in refused(delete)


def test_it_refuses_to_begin_an_invoice_as_issued(tenant):
    reason = refused(
        lambda: Invoice.objects.create(
            tenant=tenant,
            period_start=NOVEMBER,
            period_end=DECEMBER,
            status="issued",
            number="TF-2026-000001",
            issued_at=DECEMBER,
            refreshed_at=DECEMBER,
        )
    )

    assert "starts as a draft" in reason


def test_it_refuses_a_second_draft_of_the_month(draft):
    reason = refused(
        lambda: Invoice.objects.create(
            tenant_id=draft.tenant_id,
            period_start=NOVEMBER,
            period_end=DECEMBER,
            refreshed_at=NOON,
        )
    )

    assert "invoice_one_draft_per_month" in reason


@pytest.mark.parametrize("act", ["change", "delete", "add"])
def test_it_refuses_to_change_the_lines_of_an_issued_invoice(invoice, act):
    line = invoice.lines.get()
    acts = {
        "change": lambda: invoice.lines.update(quantity=1),
        "delete": invoice.lines.all()._raw_delete,
        "add": lambda: LineItem.objects.create(
            tenant_id=invoice.tenant_id,
            invoice=invoice,
            key="usage:1:new_input_tokens",
            kind="usage",
            model=line.model,
            meter="new_input_tokens",
            price_version=line.price_version,
            quantity=1,
            gross_nanos=0,
            amount_nanos=0,
            amount_cents=0,
        ),
    }

    act_of = acts[act]
    reason = refused((lambda: act_of("default")) if act == "delete" else act_of)

    assert "lines of an issued invoice are final" in reason


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ({"amount_cents": 5}, "line_item_rounded_half_up"),
        ({"quantity": -1}, "line_item_not_negative"),
        ({"discount_nanos": 1}, "line_item_adds_up"),
        ({"amount_nanos": -1}, "line_item_"),
        ({"meter": "requests"}, "line_item_meter_known"),
    ],
)
def test_it_refuses_a_line_that_cannot_be(draft, change, constraint):
    assert constraint in refused(lambda: draft.lines.update(**change))


def test_it_refuses_totals_that_are_not_the_lines(draft):
    row = Invoice.objects.filter(pk=draft.pk)

    reason = refused(lambda: row.update(lines_cents=99, total_cents=99))

    assert "not the sums of its lines" in reason
    assert "invoice_total_adds_up" in refused(lambda: row.update(total_cents=99))


def test_it_refuses_a_line_of_another_tenant(draft):
    stranger = make_tenant()

    reason = refused(lambda: draft.lines.update(tenant=stranger))

    assert "billing_lineitem_invoice_id_tenant" in reason


@pytest.mark.parametrize(
    "change",
    [
        {"output_nanos_per_million": 1},
        {"effective_from": NOON},
        {"effective_to": DECEMBER},
        {"effective_to": None},
    ],
)
def test_a_price_version_never_changes(change):
    price = make_price(effective_to=NOON)
    rows = PriceVersion.objects.filter(pk=price.pk)

    assert "never changes" in refused(lambda: rows.update(**change))


def test_an_open_price_version_may_be_given_its_end(price):
    assert PriceVersion.objects.filter(pk=price.pk).update(effective_to=NOON) == 1


def test_it_refuses_to_delete_a_price_version(price):
    rows = PriceVersion.objects.filter(pk=price.pk)

    assert "never changes" in refused(lambda: rows._raw_delete("default"))


def test_it_refuses_prices_that_overlap(price):
    reason = refused(lambda: make_price(price.served_model, effective_from=NOON))

    assert "price_versions_do_not_overlap" in reason


def test_prices_of_two_models_and_adjoining_prices_do_not_overlap():
    first = make_price(effective_to=NOON)

    make_price(first.served_model, effective_from=NOON)
    make_price(make_served_model(name="other", is_default=False))

    assert PriceVersion.objects.in_effect_at(NOON).count() == 2
    assert PriceVersion.objects.of_model(first.served_model).in_effect_at(NOON).get()


@pytest.mark.parametrize(
    ("fields", "constraint"),
    [
        ({"rates": (-1, 0, 0)}, "price_rates_not_negative"),
        ({"effective_from": NOON, "effective_to": NOON}, "price_span_not_empty"),
    ],
)
def test_it_refuses_a_price_that_cannot_be(fields, constraint):
    model = make_served_model()

    assert constraint in refused(lambda: make_price(model, **fields))
