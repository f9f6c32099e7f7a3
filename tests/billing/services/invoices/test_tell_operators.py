"""Operators hear of each draft that cannot be issued, once."""

from datetime import timedelta

import pytest

from billing.models.issue_blocks import IssueBlock
from billing.models.tax_rates import TaxRate
from billing.services.invoices.issue_due_invoices import (
    COLLECTION_GRACE,
    issue_due_invoices,
)
from billing.services.invoices.tell_operators import tell_operators
from billing.services.rating.rate_usage import rate_usage
from tests.billing.invoices import make_buyer, make_seller
from tests.billing.usage import DECEMBER, NOON, draft_of, use
from tests.factories import make_user

HOUR = timedelta(hours=1)
DUE = DECEMBER + COLLECTION_GRACE


@pytest.fixture
def staff(tenant):
    del tenant  # opens the database
    return make_user(email="staff@example.com", is_staff=True)


@pytest.fixture
def block(tenant, price, staff):
    del staff  # is there
    use(tenant, price, 10)
    rate_usage(now=NOON)
    use(tenant, price, 1, model="other")
    issue_due_invoices(now=DUE)
    return IssueBlock.objects.get()


def test_it_works(tenant, block, mailoutbox):
    assert (block.invoice, block.since) == (draft_of(tenant), DUE)

    assert tell_operators(now=DUE) == 1

    (mail,) = mailoutbox
    assert mail.to == ["staff@example.com"]
    assert tenant.name in mail.body
    assert block.reason in mail.body
    assert "/operator/blocked/" in mail.body


@pytest.mark.usefixtures("block")
def test_each_is_told_once_and_since_when_stays(mailoutbox):
    tell_operators(now=DUE)
    issue_due_invoices(now=DUE + HOUR)

    assert tell_operators(now=DUE + HOUR) == 0
    assert len(mailoutbox) == 1
    assert IssueBlock.objects.get().since == DUE


def test_it_goes_with_its_reason(tenant, price):
    """Nobody had entered the rate of Norway's tax."""
    make_buyer(tenant, make_seller(country="NO", vat_id="NO995525828MVA"), country="NO")
    use(tenant, price, 10)
    rate_usage(now=NOON)
    assert issue_due_invoices(now=DUE) == []
    assert IssueBlock.objects.get().since == DUE

    TaxRate.objects.create(
        country="NO", rate_basis_points=2_500, effective_from=NOON.date()
    )

    assert issue_due_invoices(now=DUE + HOUR)

    assert not IssueBlock.objects.exists()


@pytest.mark.usefixtures("block")
def test_a_mail_that_cannot_be_sent_is_tried_again(settings, mailoutbox):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9  # nobody listens
    assert tell_operators(now=DUE) == 0

    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    assert tell_operators(now=DUE) == 1
    assert len(mailoutbox) == 1


@pytest.mark.usefixtures("block")
def test_nobody_is_mailed_without_operators(staff, mailoutbox):
    staff.is_active = False
    staff.save()

    assert tell_operators(now=DUE) == 0
    assert not mailoutbox
