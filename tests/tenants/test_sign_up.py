import re

import pytest
from django.core import mail
from django.core.cache import cache
from django.db import DatabaseError, connection
from django.test import Client

from tenants.domain.roles import Role
from tenants.models import Member, Project, Tenant, User
from tests.factories import PASSWORD, make_user

SIGN_UP = "/accounts/signup/"


@pytest.fixture(autouse=True)
def _no_attempts_counted():
    cache.clear()


def sign_up(client, email="ada@example.com", password=PASSWORD):
    return client.post(SIGN_UP, {"email": email, "password1": password})


def code_of(message):
    (code,) = re.findall(r"^\s*([0-9A-Z-]{6,9})\s*$", message.body, re.MULTILINE)
    return code


@pytest.mark.django_db
def test_it_works(client):
    answer = sign_up(client, email="Ada.Lovelace@example.com")

    user = User.objects.get()
    assert user.email == "ada.lovelace@example.com"
    member = Member.objects.get()
    assert (member.user, member.role) == (user, Role.OWNER)
    assert member.tenant.name == "ada.lovelace"
    assert Project.objects.get(tenant=member.tenant).name == "Default"
    assert answer.status_code == 302
    assert [message.to for message in mail.outbox] == [[user.email]]
    assert "_auth_user_id" not in client.session  # not before the address is proven


@pytest.mark.django_db
def test_the_code_of_the_mail_signs_in(client):
    answer = sign_up(client)

    client.post(answer.url, {"code": code_of(mail.outbox[0])})

    assert client.session["_auth_user_id"] == str(User.objects.get().pk)


@pytest.mark.django_db
def test_a_wrong_code_does_not(client):
    answer = sign_up(client)

    assert client.post(answer.url, {"code": "WRONG1"}).status_code == 200
    assert "_auth_user_id" not in client.session


@pytest.mark.django_db
def test_a_known_address_is_answered_like_a_new_one(client):
    """Only the owner of the mailbox learns that he has signed up before."""
    make_user(email="known@example.com")
    client_of_another = Client()

    new = sign_up(client, email="new@example.com")
    known = sign_up(client_of_another, email="known@example.com")

    assert (new.status_code, new.url) == (known.status_code, known.url)
    pages = [
        one.get(new.url).content.decode().replace(address, "ADDRESS")
        for one, address in (
            (client, "new@example.com"),
            (client_of_another, "known@example.com"),
        )
    ]
    pages = [
        re.sub(r'(value|content|nonce)="[\w=+/-]{20,}"', "", page) for page in pages
    ]
    assert pages[0] == pages[1]
    assert User.objects.filter(email="known@example.com").count() == 1
    assert not Tenant.objects.filter(name="known").exists()


@pytest.mark.django_db
@pytest.mark.parametrize("password", ["short", "password123", "ada@example.com"])
def test_it_refuses_a_weak_password(client, password):
    assert sign_up(client, password=password).status_code == 200
    assert not User.objects.exists()


@pytest.mark.django_db
def test_it_refuses_what_is_no_address(client):
    assert sign_up(client, email="nobody").status_code == 200
    assert not User.objects.exists()


@pytest.mark.django_db
def test_it_refuses_a_flood_from_one_address(client):
    answers = [
        sign_up(client, email=f"user{n}@example.com", password="short").status_code
        for n in range(25)
    ]

    assert answers[0] == 200
    assert answers[-1] == 429


@pytest.mark.django_db(transaction=True)
def test_no_user_stays_without_a_tenant(client):
    """The tables of tenants fail at the worst moment: after the user's insert."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE tenants_member ADD CONSTRAINT no CHECK (false)")
    try:
        with pytest.raises(DatabaseError, match='"no"'):
            sign_up(client)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE tenants_member DROP CONSTRAINT no")

    assert not User.objects.exists()
    assert not Tenant.objects.exists()
