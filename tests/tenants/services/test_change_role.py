import pytest

from tenants.domain.roles import Role
from tenants.errors import LastOwnerError, MemberNotFoundError, RoleNotAllowedError
from tenants.services.change_role import change_role
from tests.factories import make_member, make_tenant, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner():
    return make_user()


@pytest.fixture
def tenant(owner):
    return make_tenant(owner=owner)


def role_of(member):
    member.refresh_from_db()
    return member.role


def test_it_works(tenant, owner):
    member = make_member(tenant=tenant, user=make_user())
    change = {"tenant": tenant, "member_id": member.pk, "by": owner}
    assert change_role(**change, role=Role.BILLING)
    assert role_of(member) == Role.BILLING
    assert not change_role(**change, role=Role.BILLING)


def test_it_refuses_that_the_last_owner_becomes_less(tenant, owner):
    own = tenant.members.get()
    with pytest.raises(LastOwnerError):
        change_role(tenant=tenant, member_id=own.pk, role=Role.ADMIN, by=owner)
    second = make_member(tenant=tenant, user=make_user(), role=Role.OWNER)
    assert change_role(tenant=tenant, member_id=own.pk, role=Role.ADMIN, by=owner)
    assert role_of(second) == Role.OWNER


@pytest.mark.parametrize("to", [Role.OWNER, Role.ADMIN])
def test_it_refuses_who_wants_more_for_themselves(tenant, to):
    user = make_user()
    member = make_member(tenant=tenant, user=user, role=Role.BILLING)
    with pytest.raises(RoleNotAllowedError):
        change_role(tenant=tenant, member_id=member.pk, role=to, by=user)
    assert role_of(member) == Role.BILLING


def test_it_refuses_an_admin_who_touches_owners(tenant):
    admin = make_user()
    member = make_member(tenant=tenant, user=admin, role=Role.ADMIN)
    own = tenant.members.earliest("pk")
    for row, role in ((member, Role.OWNER), (own, Role.VIEWER)):
        with pytest.raises(RoleNotAllowedError):
            change_role(tenant=tenant, member_id=row.pk, role=role, by=admin)


def test_it_refuses_another_tenants_member(owner):
    other = make_tenant(owner=owner)
    member = make_member(tenant=make_tenant(), user=make_user())
    with pytest.raises(MemberNotFoundError):
        change_role(tenant=other, member_id=member.pk, role=Role.ADMIN, by=owner)
