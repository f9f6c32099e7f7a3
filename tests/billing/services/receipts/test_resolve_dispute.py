"""A dispute is answered once, with words, by the operator."""

import pytest
from django.urls import reverse

from billing.errors import NoResolutionError, NotDisputableError
from billing.models.disputes import LineDispute
from billing.services.invoices.issue_invoice import issue_invoice
from billing.services.rating.rate_usage import rate_usage
from billing.services.receipts.dispute_line import dispute_line
from billing.services.receipts.resolve_dispute import resolve_dispute
from tests.billing.usage import DECEMBER, NOON, draft_of, use
from tests.factories import make_user


@pytest.fixture
def draft(tenant, price):
    use(tenant, price, 15_000)
    rate_usage(now=NOON)
    return draft_of(tenant)


@pytest.fixture
def dispute(draft):
    line = issue_invoice(draft.pk, now=DECEMBER).lines.get()
    return dispute_line(line, by=make_user(), note="Not me.", now=DECEMBER).dispute


def test_it_works(dispute):
    resolve_dispute(dispute.pk, resolution=" It was. ", now=DECEMBER)
    dispute.refresh_from_db()
    assert (dispute.status, dispute.resolution) == ("resolved", "It was.")
    assert dispute.resolved_at == DECEMBER


def test_it_refuses_silence(dispute):
    with pytest.raises(NoResolutionError):
        resolve_dispute(dispute.pk, resolution=" ", now=DECEMBER)


def test_it_refuses_a_dispute_of_a_draft(draft):
    with pytest.raises(NotDisputableError):
        dispute_line(draft.lines.get(), by=make_user(), note="x", now=NOON)


def test_staff_answers_in_the_admin_once(client, dispute):
    client.force_login(make_user(is_staff=True, is_superuser=True))
    assert "Not me." in client.get(_page(dispute)).content.decode()
    assert (
        client.get(reverse("admin:billing_linedispute_changelist")).status_code == 200
    )
    client.post(_page(dispute), {"resolution": "It was."})
    client.post(_page(dispute), {"resolution": "No."})
    assert LineDispute.objects.get().resolution == "It was."


def _page(dispute) -> str:
    return reverse("admin:billing_linedispute_change", args=[dispute.pk])
