"""Owners of a prepaid tenant say at what is left of its credit they are told."""

import pytest

from billing.models.event_cursors import CreditThreshold


@pytest.fixture
def owner(people):
    people.tenant.is_prepaid = True
    people.tenant.save()
    return people.client("owner")


def test_it_works(owner, people):
    assert "20 % and 5 %" in owner.get("/limits/").content.decode()
    answer = owner.post("/limits/credit/", {"amount_nanos": "12.50"})
    assert answer["Location"] == "/limits/"
    assert CreditThreshold.objects.get().amount_nanos == 12_500_000_000
    page = people.client("colleague").get("/limits/").content.decode()
    assert "12.50" in page
    assert "/limits/credit/" not in page
    owner.post("/limits/credit/", {"amount_nanos": ""})
    assert not CreditThreshold.objects.exists()


@pytest.mark.parametrize("amount", ["-1", "0", "much"])
def test_it_refuses_what_is_no_amount(owner, amount):
    assert owner.post("/limits/credit/", {"amount_nanos": amount}).status_code == 422
    assert not CreditThreshold.objects.exists()


def test_it_refuses_others_than_owners(owner, people):
    del owner
    colleague = people.client("colleague")
    answer = colleague.post("/limits/credit/", {"amount_nanos": "1"})
    assert answer.status_code == 403
    assert not CreditThreshold.objects.exists()
