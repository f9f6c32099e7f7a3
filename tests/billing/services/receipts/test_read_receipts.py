"""Receipts are read in a transaction of their own, as there is none around them."""

import pytest
from django.db import connection

from billing.services.receipts.read_receipts import read_receipt, stream_receipts
from billing.services.receipts.seal_receipts import seal_receipts
from tests.billing.usage import NOON, use

pytestmark = pytest.mark.django_db(transaction=True)


def test_it_works(tenant, price):
    use(tenant, price, 7)
    use(tenant, price, 8)
    seal_receipts(tenant.pk, now=NOON)

    found = list(stream_receipts(tenant.pk, "true", {}))

    assert [one.sequence for one in found] == [1, 2]
    assert not connection.in_atomic_block


def test_one_of_them_names_the_one_before(tenant, price):
    use(tenant, price, 7)
    use(tenant, price, 8)
    seal_receipts(tenant.pk, now=NOON)
    all_of_them = list(stream_receipts(tenant.pk, "true", {}))

    assert [read_receipt(tenant.pk, place) for place in (1, 2)] == all_of_them
    assert read_receipt(tenant.pk, 3) is None


def test_who_stops_reading_leaves_no_transaction_open(tenant, price):
    use(tenant, price, 7)
    use(tenant, price, 8)
    seal_receipts(tenant.pk, now=NOON)
    found = stream_receipts(tenant.pk, "true", {})
    assert next(found).sequence == 1

    found.close()

    assert not connection.in_atomic_block
