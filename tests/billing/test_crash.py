"""The harness itself: what it finds, and what it lets pass."""

from uuid import uuid4

import pytest
from django.db import transaction

from billing.services.credit.grant_credit import grant_credit
from tenants.models import Tenant
from tests.billing.crash import check_every_crash
from tests.billing.usage import NOON, balances
from tests.factories import make_tenant


def _grant(tenant: Tenant, **changes) -> None:
    arguments = {"reason": "transfer", "idempotency_key": "T1", "now": NOON, **changes}
    grant_credit(tenant=tenant, amount_nanos=5, **arguments)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("valkey")
def test_a_credit_is_granted_once_wherever_the_process_dies():
    deaths = check_every_crash(prepare=make_tenant, act=_grant, state=balances)

    assert deaths > 5


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("valkey")
def test_it_finds_an_act_that_is_done_twice():
    """A key that is made anew by each try names no act."""
    with pytest.raises(AssertionError, match="killed at step"):
        check_every_crash(
            prepare=make_tenant,
            act=lambda tenant: _grant(tenant, idempotency_key=str(uuid4())),
            state=balances,
        )


@pytest.mark.django_db(transaction=True)
def test_it_finds_an_act_of_two_transactions():
    def rename_twice(tenant: Tenant) -> None:
        name = Tenant.objects.get(pk=tenant.pk).name + "!"
        for _ in range(2):
            with transaction.atomic():
                Tenant.objects.filter(pk=tenant.pk).update(name=name)
            name += "!"

    with pytest.raises(AssertionError, match="killed at step"):
        check_every_crash(
            prepare=make_tenant,
            act=rename_twice,
            state=lambda tenant: Tenant.objects.get(pk=tenant.pk).name,
        )
