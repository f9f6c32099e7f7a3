"""Members and invitations, through the pages."""

import re

import pytest
from django.core import mail

from tenants.domain.roles import Role
from tenants.invitation_models import Invitation
from tenants.models import Member, Tenant, User
from tests.factories import PASSWORD, make_member, make_tenant, make_user
from tests.frontend.people import client_of

PAGE = "/settings/members/"
EMAIL = "nora@acme.example"


def invite(people, email=EMAIL, role="billing", name="owner"):
    return people.client(name).post(PAGE, {"email": email, "role": role})


def link_in(message):
    (path,) = re.findall(r"(/invitations/\S+/)", message.body)
    return path


@pytest.fixture
def link(people):
    invite(people)
    return link_in(mail.outbox[0])


def test_it_works(people):
    assert invite(people).status_code == 302
    (message,) = mail.outbox
    assert message.to == [EMAIL]
    page = people.client("owner").get(PAGE).content.decode()
    assert EMAIL in page
    assert "not sent" not in page
    assert EMAIL not in people.client("stranger").get(PAGE).content.decode()


def test_a_new_user_joins_by_the_link_alone(people, link):
    tenants = Tenant.objects.count()
    client = client_of(None)
    page = client.get(link).content.decode()
    assert f"/accounts/signup/?email={EMAIL}" in page.replace("%40", "@")
    answer = client.post("/accounts/signup/", {"email": EMAIL, "password1": PASSWORD})
    assert answer.status_code == 302
    member = Member.objects.get(user__email=EMAIL)
    assert (member.tenant, member.role) == (people.tenant, Role.BILLING)
    assert Tenant.objects.count() == tenants
    assert client.session["_auth_user_id"] == str(member.user_id)
    assert client.get("/billing/").status_code == 200
    assert client.get(link).status_code == 410


def test_a_link_proves_no_other_address(people, link):
    client = client_of(None)
    client.get(link)
    client.post(
        "/accounts/signup/", {"email": "eve@evil.example", "password1": PASSWORD}
    )
    assert "_auth_user_id" not in client.session
    eve = Member.objects.get(user__email="eve@evil.example")
    assert eve.tenant != people.tenant
    assert Invitation.objects.get().accepted_at is None


def test_a_user_joins_and_works_there(people, link):
    nora = make_user(email=EMAIL)
    own = make_tenant(name="Nora's", owner=nora)
    client = client_of(nora)
    assert client.get(link).status_code == 200
    assert not Member.objects.filter(user=nora, tenant=people.tenant).exists()
    assert client.post(link)["Location"] == "/"
    page = client.get("/settings/")
    assert page.context["portal"].access.tenant == people.tenant
    client.post("/settings/tenant/", {"tenant": own.slug})
    page = client.get("/settings/")
    assert page.context["portal"].access.tenant == own


def test_nobody_switches_to_a_tenant_of_others(people):
    answer = people.client("owner").post(
        "/settings/tenant/", {"tenant": people.strangers_tenant.slug}
    )
    assert answer.status_code == 404


def test_another_signed_in_user_cannot_join(people, link):
    client = people.client("stranger")
    assert "You are signed in as" in client.get(link).content.decode()
    assert client.post(link).status_code == 410
    assert not people.tenant.members.filter(user=people.users["stranger"]).exists()


def test_it_refuses_an_address_that_is_invited(people, link):
    del link
    answer = invite(people)
    assert answer.status_code == 422
    assert "again" in str(answer.context["form"].errors["email"])


def test_it_refuses_a_role_that_is_not_given(people):
    admin = make_user(email="adam@acme.example")
    make_member(tenant=people.tenant, user=admin, role=Role.ADMIN)
    answer = client_of(admin).post(PAGE, {"email": EMAIL, "role": "owner"})
    assert answer.status_code == 422
    assert not mail.outbox


def test_a_mail_that_does_not_go_out_is_told(people, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    invite(people)
    assert "not sent" in people.client("owner").get(PAGE).content.decode()


def test_it_takes_an_invitation_back(people, link):
    pk = Invitation.objects.get().pk
    people.client("owner").post(f"/settings/invitations/{pk}/revoke/")
    assert client_of(None).get(link).status_code == 410


def test_it_sends_an_invitation_again(people, link):
    Invitation.objects.update(sent_at=None)
    pk = Invitation.objects.get().pk
    people.client("owner").post(f"/settings/invitations/{pk}/resend/")
    assert client_of(None).get(link).status_code == 410
    assert client_of(None).get(link_in(mail.outbox[1])).status_code == 200


def test_another_tenants_invitation_is_not_there(people, link):
    del link
    pk = Invitation.objects.get().pk
    for act in ("resend", "revoke"):
        answer = people.client("stranger").post(f"/settings/invitations/{pk}/{act}/")
        assert answer.status_code == 404


def test_the_role_holds_at_once(people):
    member = people.tenant.members.latest("pk")
    colleague = people.client("colleague")
    assert colleague.get("/keys/new/").status_code == 200
    people.client("owner").post(
        f"/settings/members/{member.pk}/role/", {"role": "viewer"}
    )
    assert colleague.get("/keys/new/").status_code == 403
    assert "/keys/new/" not in colleague.get("/keys/").content.decode()


def test_the_last_owner_stays(people):
    member = people.tenant.members.earliest("pk")
    people.client("owner").post(
        f"/settings/members/{member.pk}/remove/", {"name": people.tenant.name}
    )
    people.client("owner").post(
        f"/settings/members/{member.pk}/role/", {"role": "admin"}
    )
    member.refresh_from_db()
    assert member.role == Role.OWNER


@pytest.mark.parametrize("keys", ["keep", "revoke"])
def test_a_member_is_removed(people, keys):
    member = people.tenant.members.latest("pk")
    people.tenant.api_keys.update(created_by=member.user)
    address = f"/settings/members/{member.pk}/remove/"
    assert people.api_key.prefix in people.client("owner").get(address).content.decode()
    owner = people.client("owner")
    refused = owner.post(address, {"keys": keys, "name": people.tenant.name})
    assert refused.status_code == 422
    assert f'value="{keys}" checked' in refused.text
    assert people.client("colleague").get("/keys/").status_code == 200
    owner.post(address, {"keys": keys, "name": member.user.email})
    assert people.client("colleague").get("/keys/").status_code == 403
    people.api_key.refresh_from_db()
    assert (people.api_key.revoked_at is not None) == (keys == "revoke")


def test_a_member_leaves(people):
    member = people.tenant.members.latest("pk")
    address = f"/settings/members/{member.pk}/remove/"
    colleague = people.client("colleague")
    assert colleague.post(address, {"name": member.user.email}).status_code == 422
    colleague.post(address, {"name": people.tenant.name})
    assert not Member.objects.filter(pk=member.pk).exists()
    assert User.objects.filter(pk=member.user_id).exists()
