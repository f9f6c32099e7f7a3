"""What the database itself refuses of credit, whoever asks."""

import pytest
from django.db import IntegrityError, connection, transaction

from billing.models.credit import CreditDraw, CreditExpiry, CreditWithdrawal
from billing.models.invoices import Invoice
from billing.services.credit.grant_credit import grant_credit
from tests.billing.usage import DECEMBER, NOON, NOVEMBER
from tests.factories import make_tenant

pytestmark = pytest.mark.django_db


@pytest.fixture
def grant(tenant):
    return grant_credit(
        tenant=tenant,
        amount_nanos=100,
        reason="test",
        idempotency_key="test",
        now=NOON,
    )


def draft(tenant, start=NOVEMBER, end=DECEMBER):
    return Invoice.objects.create(
        tenant=tenant, period_start=start, period_end=end, refreshed_at=NOON
    )


@pytest.fixture
def invoice(tenant):
    return draft(tenant)


def draw(grant, invoice, amount, *, tenant=None):
    return CreditDraw.objects.create(
        tenant=tenant or grant.tenant,
        grant=grant,
        invoice=invoice,
        amount_nanos=amount,
        drawn_at=NOON,
    )


def expire(grant, amount, *, tenant=None):
    return CreditExpiry.objects.create(
        tenant=tenant or grant.tenant,
        grant=grant,
        amount_nanos=amount,
        expired_at=NOON,
    )


def withdraw(grant, amount, *, tenant=None, key="w"):
    return CreditWithdrawal.objects.create(
        tenant=tenant or grant.tenant,
        grant=grant,
        amount_nanos=amount,
        reason="test",
        idempotency_key=key,
        withdrawn_at=NOON,
    )


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


def test_all_of_a_grant_may_leave_it(grant, invoice):
    draw(grant, invoice, 50)
    expire(grant, 30)
    withdraw(grant, 20)

    assert type(grant).objects.with_remaining().get().remaining == 0


@pytest.mark.parametrize(
    "further",
    [
        lambda grant, other: draw(grant, other, 21),
        lambda grant, _: expire(grant, 21),
        lambda grant, _: withdraw(grant, 21),
    ],
)
def test_it_refuses_that_more_leaves_than_was_granted(grant, invoice, further):
    draw(grant, invoice, 50)
    expire(grant, 30)
    other = draft(grant.tenant, DECEMBER, DECEMBER.replace(day=31))

    reason = refused(lambda: further(grant, other))

    assert "no more than was granted" in reason


def test_it_refuses_that_more_returns_than_was_drawn(grant, invoice):
    draw(grant, invoice, 50)

    assert "no more than was granted" in refused(lambda: draw(grant, invoice, -51))


@pytest.mark.parametrize("sign", [1, -1])
def test_it_refuses_a_second_draw_of_an_invoice(grant, invoice, sign):
    draw(grant, invoice, 50)
    draw(grant, invoice, -40)

    assert "credit_draw_" in refused(lambda: draw(grant, invoice, sign * 5))


@pytest.mark.parametrize(
    "act",
    [
        lambda grant, invoice: draw(grant, invoice, 0),
        lambda grant, _: expire(grant, -1),
        lambda grant, _: withdraw(grant, 0),
    ],
)
def test_it_refuses_an_amount_of_nothing_or_less(grant, invoice, act):
    assert "violates check constraint" in refused(lambda: act(grant, invoice))


@pytest.mark.parametrize("act", [expire, withdraw])
def test_it_refuses_another_tenants_grant(grant, act):
    other = make_tenant(name="Other")

    assert "_grant_id_tenant" in refused(lambda: act(grant, 1, tenant=other))


def test_it_refuses_another_tenants_invoice(grant):
    strange = draft(make_tenant(name="Other"))

    assert "invoice_id_tenant" in refused(lambda: draw(grant, strange, 1))


def test_history_is_never_changed(grant, invoice):
    rows = [draw(grant, invoice, 1), expire(grant, 1), withdraw(grant, 1)]

    for row in rows:
        mine = type(row).objects.filter(pk=row.pk)
        assert "append-only" in refused(lambda mine=mine: mine.update(grant=grant))
