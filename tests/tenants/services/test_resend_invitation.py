from datetime import UTC, datetime, timedelta

import pytest

from tenants.domain.invitations import LIFETIME, RESEND_AFTER
from tenants.domain.roles import Role
from tenants.errors import (
    InvalidInvitationError,
    InvitationNotFoundError,
    RoleNotAllowedError,
)
from tenants.services.find_invitation import find_invitation
from tenants.services.resend_invitation import resend_invitation
from tenants.services.revoke_invitation import revoke_invitation
from tenants.services.send_invitation import send_invitation
from tests.factories import make_member, make_tenant, make_user
from tests.tenants.invitations import invite

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)


@pytest.fixture
def owner():
    return make_user()


@pytest.fixture
def issued(owner):
    return invite(make_tenant(owner=owner), owner, NOW)


def resend(issued, by, now):
    return resend_invitation(
        tenant=issued.invitation.tenant,
        invitation_id=issued.invitation.pk,
        by=by,
        now=now,
    )


def test_it_works(issued, owner, mailoutbox):
    later = NOW + LIFETIME + timedelta(days=1)
    again = resend(issued, owner, later)
    assert find_invitation(issued.secret, now=later) is None
    assert find_invitation(again.secret, now=later) == issued.invitation
    assert again.invitation.expires_at == later + LIFETIME
    assert send_invitation(again, url="https://p.example/i/", now=later)
    (message,) = mailoutbox
    assert message.to == ["nora@acme.example"]
    assert "https://p.example/i/" in message.body
    assert 'href="https://p.example/i/"' in message.alternatives[0].content
    again.invitation.refresh_from_db()
    assert again.invitation.sent_at == later


def test_it_refuses_a_second_mail_at_once(issued, owner):
    send_invitation(issued, url="https://p.example/", now=NOW)
    with pytest.raises(InvalidInvitationError):
        resend(issued, owner, NOW + RESEND_AFTER - timedelta(seconds=1))
    assert find_invitation(issued.secret, now=NOW)
    assert resend(issued, owner, NOW + RESEND_AFTER)


def test_it_refuses_one_that_was_taken_back(issued, owner):
    tenant = issued.invitation.tenant
    pk = issued.invitation.pk
    revoke_invitation(tenant=tenant, invitation_id=pk, by=owner, now=NOW)
    assert find_invitation(issued.secret, now=NOW) is None
    with pytest.raises(InvitationNotFoundError):
        resend(issued, owner, NOW)
    with pytest.raises(InvitationNotFoundError):
        revoke_invitation(tenant=tenant, invitation_id=pk, by=owner, now=NOW)


def test_it_refuses_another_tenants(issued):
    stranger = make_user()
    with pytest.raises(InvitationNotFoundError):
        resend_invitation(
            tenant=make_tenant(owner=stranger),
            invitation_id=issued.invitation.pk,
            by=stranger,
            now=NOW,
        )


def test_it_refuses_a_developer(issued):
    developer = make_user()
    tenant = issued.invitation.tenant
    make_member(tenant=tenant, user=developer)
    with pytest.raises(RoleNotAllowedError):
        resend(issued, developer, NOW)
    with pytest.raises(RoleNotAllowedError):
        revoke_invitation(
            tenant=tenant, invitation_id=issued.invitation.pk, by=developer, now=NOW
        )


def test_an_admin_does_not_send_an_owners_again(owner):
    tenant = make_tenant(owner=owner)
    issued = invite(tenant, owner, NOW, role=Role.OWNER)
    admin = make_user()
    make_member(tenant=tenant, user=admin, role=Role.ADMIN)
    with pytest.raises(RoleNotAllowedError):
        resend(issued, admin, NOW)
