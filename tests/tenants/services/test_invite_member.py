from datetime import UTC, datetime, timedelta

import pytest

from tenants.domain.invitations import LIFETIME, OPEN_MAX, digest
from tenants.domain.roles import Role
from tenants.errors import InvalidInvitationError, RoleNotAllowedError
from tenants.invitation_models import Invitation, open_invitations
from tests.factories import make_member, make_tenant, make_user
from tests.tenants.invitations import invite

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)


@pytest.fixture
def owner():
    return make_user(email="olga@acme.example")


@pytest.fixture
def tenant(owner):
    return make_tenant(owner=owner)


def test_it_works(tenant, owner):
    issued = invite(tenant, owner, NOW, email=" Nora@Acme.example ", role=Role.BILLING)
    row = Invitation.objects.get()
    assert (row.email, row.role) == ("nora@acme.example", Role.BILLING)
    assert row.expires_at == NOW + LIFETIME
    assert bytes(row.digest) == digest(issued.secret)
    assert row.sent_at is None
    assert issued.secret not in repr(issued)


def test_an_expired_one_makes_room(tenant, owner):
    first = invite(tenant, owner, NOW).invitation
    second = invite(tenant, owner, NOW + LIFETIME).invitation
    assert list(open_invitations()) == [second]
    first.refresh_from_db()
    assert first.revoked_at == NOW + LIFETIME


def test_it_refuses_a_second_one_to_the_same_address(tenant, owner):
    invite(tenant, owner, NOW)
    with pytest.raises(InvalidInvitationError, match="again"):
        invite(tenant, owner, NOW + timedelta(days=1))


def test_it_refuses_a_member(tenant, owner):
    with pytest.raises(InvalidInvitationError, match="member already"):
        invite(tenant, owner, NOW, email="OLGA@acme.example")


def test_it_refuses_what_is_no_address(tenant, owner):
    with pytest.raises(InvalidInvitationError):
        invite(tenant, owner, NOW, email="nora")


def test_it_refuses_more_than_so_many(tenant, owner):
    for number in range(OPEN_MAX):
        invite(tenant, owner, NOW, email=f"n{number}@acme.example")
    with pytest.raises(InvalidInvitationError, match="At most"):
        invite(tenant, owner, NOW)


def test_it_refuses_an_admin_who_makes_owners(tenant):
    admin = make_user()
    make_member(tenant=tenant, user=admin, role=Role.ADMIN)
    assert invite(tenant, admin, NOW, role=Role.ADMIN)
    with pytest.raises(RoleNotAllowedError):
        invite(tenant, admin, NOW, email="o@acme.example", role=Role.OWNER)


@pytest.mark.parametrize("role", [Role.DEVELOPER, Role.BILLING, Role.VIEWER])
def test_it_refuses_the_other_roles(tenant, role):
    member = make_user()
    make_member(tenant=tenant, user=member, role=role)
    with pytest.raises(RoleNotAllowedError):
        invite(tenant, member, NOW, role=Role.VIEWER)


def test_it_refuses_a_stranger(tenant):
    stranger = make_user()
    make_tenant(owner=stranger)
    with pytest.raises(RoleNotAllowedError):
        invite(tenant, stranger, NOW)
