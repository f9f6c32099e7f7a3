from io import StringIO

import pytest
import redis
from django.core.management import CommandError, call_command

from tenants.domain import api_keys
from tenants.domain.roles import Role
from tenants.models import ApiKey, Member, Tenant, User
from tenants.wire import SNAPSHOT_KIND
from tests.factories import make_project, make_tenant, make_user
from tests.published import published


def open_tenant(*arguments):
    """The lines that the command prints."""
    output = StringIO()
    call_command("open_tenant", *arguments, stdout=output)
    return output.getvalue().splitlines()


@pytest.mark.django_db(transaction=True)
def test_it_works(valkey):
    lines = open_tenant("Acme", "--email", "Ada@example.com", "--issue-key")

    tenant, api_key = Tenant.objects.get(), ApiKey.objects.get()
    member = Member.objects.get()
    assert (member.tenant, member.role) == (tenant, Role.OWNER)
    assert member.user.email == "ada@example.com"
    assert not member.user.has_usable_password()
    assert bytes(api_key.digest) == api_keys.digest(lines[-1])
    assert (api_key.tenant, api_key.created_by) == (tenant, member.user)
    (policy,) = published(valkey, SNAPSHOT_KIND).items
    assert policy["digest"] == api_keys.digest(lines[-1]).hex()


@pytest.mark.django_db
def test_without_a_key_it_prints_no_secret():
    lines = open_tenant("Acme")

    assert lines == ["Opened the tenant Acme (slug acme)."]
    assert not ApiKey.objects.exists()
    assert not User.objects.exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("valkey")
def test_the_owners_tenant_gets_a_further_key():
    arguments = ("Acme", "--email", "ada@example.com", "--issue-key")
    first, second = open_tenant(*arguments)[-1], open_tenant(*arguments)[-1]

    assert first != second
    assert Tenant.objects.count() == 1
    assert ApiKey.objects.filter(revoked_at__isnull=True).count() == 2


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("valkey")
def test_an_operator_may_name_the_only_tenant_without_its_owner():
    make_project(tenant=make_tenant(name="Acme", owner=make_user()))

    assert api_keys.is_well_formed(open_tenant("Acme", "--issue-key")[-1])
    assert Tenant.objects.count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["Acme"], "exists"),
        (["Acme", "--email", "ada@example.com"], "exists"),
        (["Acme", "--email", "eve@example.com", "--issue-key"], "somebody else"),
        (["Twice", "--issue-key"], "Several"),
        (["", "--issue-key"], "name"),
        (["x" * 101], "name"),
        (["New", "--email", "nobody", "--issue-key"], "no e-mail address"),
        (["Empty", "--issue-key"], "no project"),
    ],
)
def test_it_refuses(arguments, reason):
    """And leaves nothing behind: no user, no tenant, no key."""
    ada = make_user(email="ada@example.com")
    make_project(tenant=make_tenant(name="Acme", owner=ada))
    for name in ("Twice", "Twice", "Empty"):
        make_tenant(name=name)

    with pytest.raises(CommandError, match=reason):
        open_tenant(*arguments)

    assert (Tenant.objects.count(), User.objects.count()) == (4, 1)
    assert not ApiKey.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_it_refuses_to_print_a_key_that_would_not_work(settings):
    settings.VALKEY_URL = "redis://127.0.0.1:1"

    with pytest.raises(redis.ConnectionError):
        open_tenant("Acme", "--issue-key")


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("valkey")
def test_it_pays_in_the_currency_that_is_named():
    open_tenant("Acme", "--currency", "EUR", "--issue-key")

    assert Tenant.objects.get().currency == "EUR"
    with pytest.raises(CommandError, match="pays in EUR"):
        open_tenant("Acme", "--currency", "USD", "--issue-key")
