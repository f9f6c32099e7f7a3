"""A user's e-mail address is changed, and who is told of it."""

import pytest
from django.core import mail
from django.core.cache import cache

from tenants.audit_models import AuditEntry
from tests.factories import PASSWORD, confirm_address
from tests.frontend.people import client_of
from tests.tenants.test_sign_up import code_of

PAGE, NEW = "/accounts/email/", "olga@new.example"


@pytest.fixture
def owner(people):
    cache.clear()  # no attempts counted
    owner = people.users["owner"]
    confirm_address(owner)
    return owner


@pytest.fixture
def client(owner):
    client = client_of(None)
    client.post("/accounts/login/", {"login": owner.email, "password": PASSWORD})
    mail.outbox.clear()
    return client


def ask(client, address=NEW):
    """The answer to the password that is asked for; to the form, if it is refused."""
    answer = client.post(PAGE, {"email": address, "action_add": ""})
    if answer.status_code == 302 and "reauthenticate" in answer.url:
        return client.post(answer.url, {"password": PASSWORD})
    return answer


def test_it_works(client, owner):
    before = owner.email
    assert before in client.get(PAGE).text

    asked = ask(client)
    owner.refresh_from_db()
    assert owner.email == before  # until the code is typed
    (letter,) = mail.outbox
    assert letter.to == [NEW]
    client.post(asked.url, {"code": code_of(letter)})

    owner.refresh_from_db()
    assert owner.email == NEW
    (told,) = mail.outbox[1:]
    assert told.to == [before]
    assert told.subject == "Your Tokenfab e-mail address was changed"
    assert NEW in told.body
    entry = AuditEntry.objects.get(action="member.address_changed")
    assert entry.words == f"{before} to {NEW}"
    form = {"login": NEW, "password": PASSWORD}
    assert client_of(None).post("/accounts/login/", form)["Location"] == "/"


def test_a_wrong_code_changes_nothing(client, owner):
    before = owner.email
    asked = ask(client)

    assert client.post(asked.url, {"code": "WRONG1"}).status_code == 200

    owner.refresh_from_db()
    assert owner.email == before
    assert not AuditEntry.objects.filter(action="member.address_changed").exists()


def test_an_open_session_alone_is_not_enough(client):
    asked = client.post(PAGE, {"email": NEW, "action_add": ""})
    client.post(asked.url, {"password": "something else"})

    assert asked.url.startswith("/accounts/reauthenticate/")
    assert mail.outbox == []


def test_an_address_of_another_user_is_told_to_that_user_alone(client, owner, people):
    before = owner.email
    theirs = people.users["colleague"].email

    asked = ask(client, theirs)

    assert asked.url == ask(client).url  # as for one that is free
    assert [letter.to for letter in mail.outbox] == [[theirs], [NEW]]
    assert code_of(mail.outbox[1]) not in mail.outbox[0].body
    owner.refresh_from_db()
    assert owner.email == before


@pytest.mark.parametrize("address", ["", "nobody", "a@b@c"])
def test_it_refuses_what_is_no_address(client, address):
    page = ask(client, address)

    assert page.status_code == 200
    assert 'aria-invalid="true"' in page.text
    assert f'value="{address}"' in page.text or not address
    assert mail.outbox == []
