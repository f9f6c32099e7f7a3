from datetime import UTC, datetime, timedelta

import pytest

from tenants.domain.invitations import LIFETIME
from tenants.domain.roles import Role
from tenants.errors import InvitationNotFoundError
from tenants.models import Member
from tenants.services.accept_invitation import accept_invitation
from tests.factories import make_member, make_tenant, make_user
from tests.tenants.invitations import invite

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)


@pytest.fixture
def issued():
    owner = make_user()
    return invite(make_tenant(owner=owner), owner, NOW, role=Role.VIEWER)


@pytest.fixture
def nora():
    return make_user(email="nora@acme.example")


def test_it_works(issued, nora):
    member = accept_invitation(secret=issued.secret, user=nora, now=NOW)
    assert (member.tenant, member.role) == (issued.invitation.tenant, Role.VIEWER)
    issued.invitation.refresh_from_db()
    assert issued.invitation.accepted_at == NOW


def test_a_member_stays_what_they_are(issued, nora):
    make_member(tenant=issued.invitation.tenant, user=nora, role=Role.ADMIN)
    member = accept_invitation(secret=issued.secret, user=nora, now=NOW)
    assert member.role == Role.ADMIN


def test_it_refuses_a_second_use(issued, nora):
    accept_invitation(secret=issued.secret, user=nora, now=NOW)
    Member.objects.filter(user=nora).delete()
    with pytest.raises(InvitationNotFoundError):
        accept_invitation(secret=issued.secret, user=nora, now=NOW)
    assert not Member.objects.filter(user=nora).exists()


def test_it_refuses_another_address(issued):
    with pytest.raises(InvitationNotFoundError):
        accept_invitation(
            secret=issued.secret, user=make_user(email="n@acme.example"), now=NOW
        )


def test_it_refuses_one_that_expired(issued, nora):
    accept = {"secret": issued.secret, "user": nora}
    with pytest.raises(InvitationNotFoundError):
        accept_invitation(**accept, now=NOW + LIFETIME)
    assert accept_invitation(**accept, now=NOW + LIFETIME - timedelta(seconds=1))


def test_it_refuses_an_unknown_secret(issued, nora):
    with pytest.raises(InvitationNotFoundError):
        accept_invitation(secret=issued.secret + "x", user=nora, now=NOW)
