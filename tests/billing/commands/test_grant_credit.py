"""`manage.py grant_credit`."""

from datetime import UTC, datetime
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from billing.models.credit import CreditGrant
from billing.services.credit.credit_of import credit_of

pytestmark = pytest.mark.django_db


def grant(*arguments, **options):
    out = StringIO()
    options = {"reason": "gift", **options}
    call_command("grant_credit", *arguments, stdout=out, **options)
    return out.getvalue()


def test_it_works(tenant):
    text = grant("Acme", "25.50", idempotency_key="one")

    assert text == "25.50 USD granted to Acme (key one); 25.50 USD in all\n"
    assert credit_of(tenant) == 25_500_000_000
    grant_ = CreditGrant.objects.get()
    assert (grant_.kind, grant_.priority, grant_.expires_at) == ("purchased", 20, None)


def test_a_gift_that_expires(tenant):
    grant("Acme", "5", "--kind=promotional", "--priority=3", "--expires=2099-02-28")

    gift = CreditGrant.objects.get(tenant=tenant)
    assert (gift.kind, gift.priority) == ("promotional", 3)
    assert gift.expires_at == datetime(2099, 2, 28, tzinfo=UTC)


def test_a_key_given_twice_grants_once_and_none_grants_again(tenant):
    for _ in range(2):
        grant(f"#{tenant.pk}", "1", idempotency_key="one")
        grant(tenant.slug, "2")

    assert credit_of(tenant) == 5_000_000_000


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("Nobody", "1"), "no tenant"),
        (("Acme", "much"), "not a number"),
        (("Acme", "-1"), "not a number between"),
        (("Acme", "0"), "is nothing"),
        (("Acme", "1", "--expires=2020-01-01"), "before it is granted"),
        (("Acme", "1", "--priority=101"), "priority"),
        (("Acme", "1", "--expires=soon"), "--expires"),
    ],
)
def test_it_refuses(tenant, arguments, reason):
    with pytest.raises(CommandError, match=reason):
        grant(*arguments)

    assert credit_of(tenant) == 0
