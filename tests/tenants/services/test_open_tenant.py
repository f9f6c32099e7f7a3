import re

import pytest
from django.db import IntegrityError
from django.utils import timezone

from tenants.domain.roles import Role
from tenants.errors import InvalidNameError, UnknownCurrencyError
from tenants.models import Member, Project, Tenant
from tenants.services.open_tenant import open_tenant
from tests.factories import make_user
from tests.parallel import in_parallel


@pytest.mark.django_db
def test_it_works():
    owner, now = make_user(), timezone.now()

    tenant = open_tenant(name="  Acme  Robotics ", owner=owner, now=now)

    tenant.refresh_from_db()
    assert (tenant.name, tenant.slug) == ("Acme Robotics", "acme-robotics")
    assert tenant.created_at == now
    assert re.fullmatch("[0-9a-f]{64}", tenant.cache_salt)
    project = Project.objects.get(tenant=tenant)
    assert (project.name, project.created_at) == ("Default", now)
    member = Member.objects.get(tenant=tenant)
    assert (member.user, member.role, member.created_at) == (owner, Role.OWNER, now)


@pytest.mark.django_db
def test_without_an_owner_it_has_no_member():
    assert not open_tenant(name="Acme", owner=None, now=timezone.now()).members.exists()


@pytest.mark.django_db
def test_namesakes_get_slugs_and_salts_of_their_own():
    first, second = (
        open_tenant(name="Acme", owner=None, now=timezone.now()) for _ in range(2)
    )

    assert first.slug == "acme"
    assert re.fullmatch("acme-[0-9a-f]{6}", second.slug)
    assert first.name == second.name
    assert first.cache_salt != second.cache_salt


@pytest.mark.django_db(transaction=True)
def test_parallel_namesakes_get_slugs_of_their_own():
    tenants = in_parallel(
        *[lambda: open_tenant(name="Acme", owner=None, now=timezone.now())] * 6
    )

    assert len({tenant.slug for tenant in tenants}) == 6
    assert "acme" in {tenant.slug for tenant in tenants}
    assert Project.objects.count() == 6


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "slug"),
    [("工場", "tenant"), ("x" * 100, "x" * 40), ("a" * 40 + "b", "a" * 40)],
)
def test_any_name_makes_a_slug(name, slug):
    assert open_tenant(name=name, owner=None, now=timezone.now()).slug == slug


@pytest.mark.django_db
def test_it_pays_in_one_currency(settings):
    settings.DEFAULT_CURRENCY = "CHF"
    opened = [
        open_tenant(name="Acme", owner=None, now=timezone.now(), currency=currency)
        for currency in (None, "eur")
    ]

    assert [tenant.currency for tenant in opened] == ["CHF", "EUR"]


@pytest.mark.django_db
def test_it_refuses_a_currency_without_cents():
    with pytest.raises(UnknownCurrencyError):
        open_tenant(name="Acme", owner=None, now=timezone.now(), currency="JPY")


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["", "  ", "x" * 101])
def test_it_refuses_a_bad_name(name):
    with pytest.raises(InvalidNameError):
        open_tenant(name=name, owner=None, now=timezone.now())

    assert not Tenant.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_it_leaves_nothing_behind_when_a_part_fails():
    """An owner who was deleted meanwhile: no tenant without its owner stays."""
    owner = make_user()
    gone = owner.pk
    owner.delete()
    owner.pk = gone

    with pytest.raises(IntegrityError):
        open_tenant(name="Acme", owner=owner, now=timezone.now())

    assert not Tenant.objects.exists()
