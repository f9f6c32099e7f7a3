"""`manage.py grant_credit`."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from billing.services.credit_of import credit_of

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
    ],
)
def test_it_refuses(tenant, arguments, reason):
    with pytest.raises(CommandError, match=reason):
        grant(*arguments)

    assert credit_of(tenant) == 0
