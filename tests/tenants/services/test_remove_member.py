from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from django.db import connection

from tenants.domain.roles import Role
from tenants.errors import LastOwnerError, RoleNotAllowedError
from tenants.models import Member
from tenants.services.remove_member import remove_member
from tests.factories import (
    make_api_key,
    make_member,
    make_project,
    make_tenant,
    make_user,
)

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)


@pytest.fixture
def owner(db):  # noqa: ARG001  opens the database
    return make_user()


@pytest.fixture
def tenant(owner):
    return make_tenant(owner=owner)


def remove(member, by, *, with_keys=False):
    return remove_member(
        tenant=member.tenant, member_id=member.pk, by=by, with_keys=with_keys, now=NOW
    )


@pytest.mark.parametrize("with_keys", [True, False])
def test_it_works(tenant, owner, with_keys):
    user = make_user()
    member = make_member(tenant=tenant, user=user)
    project = make_project(tenant=tenant)
    theirs, _ = make_api_key(project=project, created_by=user)
    other, _ = make_api_key(project=project, created_by=owner)
    elsewhere, _ = make_api_key(created_by=user)
    remove(member, owner, with_keys=with_keys)
    assert not Member.objects.filter(user=user).exists()
    for api_key in (theirs, other, elsewhere):
        api_key.refresh_from_db()
    assert theirs.revoked_at == (NOW if with_keys else None)
    assert (other.revoked_at, elsewhere.revoked_at) == (None, None)


def test_anybody_may_leave(tenant):
    user = make_user()
    remove(make_member(tenant=tenant, user=user, role=Role.VIEWER), user)
    assert tenant.members.count() == 1


def test_it_refuses_the_last_owner(tenant, owner):
    with pytest.raises(LastOwnerError):
        remove(tenant.members.get(), owner)
    assert tenant.members.get().user == owner


def test_it_refuses_a_developer_who_removes_another(tenant):
    developer = make_user()
    make_member(tenant=tenant, user=developer)
    with pytest.raises(RoleNotAllowedError):
        remove(make_member(tenant=tenant, user=make_user()), developer)


def test_it_refuses_an_admin_who_removes_an_owner(tenant):
    admin = make_user()
    make_member(tenant=tenant, user=admin, role=Role.ADMIN)
    make_member(tenant=tenant, user=make_user(), role=Role.OWNER)
    with pytest.raises(RoleNotAllowedError):
        remove(tenant.members.earliest("pk"), admin)


@pytest.mark.django_db(transaction=True)
def test_of_two_last_owners_who_leave_at_once_one_stays():
    tenant = make_tenant()
    users = [make_user(), make_user()]
    owners = [make_member(tenant=tenant, user=one, role=Role.OWNER) for one in users]

    def leave(member):
        try:
            remove(member, member.user)
        except LastOwnerError:
            return "stayed"
        finally:
            connection.close()
        return "left"

    with ThreadPoolExecutor() as threads:
        assert sorted(threads.map(leave, owners)) == ["left", "stayed"]
    assert tenant.members.count() == 1
