"""Month end: what is over and has been quiet is issued."""

from datetime import timedelta

import pytest

from billing.models.invoices import Invoice
from billing.services.invoices.issue_due_invoices import (
    COLLECTION_GRACE,
    issue_due_invoices,
)
from billing.services.rating.rate_usage import rate_usage
from tests.billing.usage import DECEMBER, NOON, draft_of, use
from tests.factories import make_tenant

SECOND = timedelta(seconds=1)
DUE = DECEMBER + COLLECTION_GRACE


@pytest.fixture
def draft(tenant, price):
    use(tenant, price, 10)
    use(tenant, price, 10, hour_at=DECEMBER)
    rate_usage(now=NOON)
    return draft_of(tenant)


def test_it_works(tenant, draft):
    (invoice,) = issue_due_invoices(now=DUE)

    assert (invoice.pk, invoice.number) == (draft.pk, "TF-2026-000001")
    assert draft_of(tenant, DECEMBER)
    assert issue_due_invoices(now=DUE) == []


def test_it_waits_for_late_usage(tenant, price, draft):
    assert issue_due_invoices(now=DUE - SECOND) == []
    use(tenant, price, 1)
    rate_usage(now=DUE - SECOND)

    assert issue_due_invoices(now=DUE) == []
    assert issue_due_invoices(now=DUE - SECOND + COLLECTION_GRACE) == [draft]


def test_one_that_cannot_be_issued_does_not_stop_the_others(
    tenant, price, draft, caplog
):
    use(tenant, price, 1, model="other")
    other = make_tenant()
    use(other, price, 10)
    rate_usage(now=NOON)

    (invoice,) = issue_due_invoices(now=DUE)

    assert invoice.tenant == other
    assert Invoice.objects.get(pk=draft.pk).status == "draft"
    assert f"draft {draft.pk} is not issued" in caplog.text
