"""Each switch, and what it does."""

import pytest
from django.db import IntegrityError

from billing.services.prices.publish_price_vectors import read_price_vectors
from billing.services.prices.set_switches import set_switches
from tenants.audit_models import StaffEntry
from tenants.models import User
from tenants.services import read_switches as reading
from tenants.services.read_switches import read_switches
from tenants.switches_models import SignUps, Switches
from tests.factories import PASSWORD, make_user
from tests.frontend.people import client_of
from tests.tenants.invitations import invite

PAGE = "/operator/switches/"
ON = {
    "sign_ups": "open",
    "has_playground": "on",
    "sells_leases": "on",
    "sells_cached_prompts": "on",
    "banner_text": "",
    "banner_url": "",
}


@pytest.fixture
def root(people):
    del people
    return client_of(
        make_user(email="root@tokenfab.example", is_staff=True, is_superuser=True)
    )


def sign_up(client, email="ada@example.com"):
    return client.post("/accounts/signup/", {"email": email, "password1": PASSWORD})


def test_it_works(root, people):
    """Without a row everything is as before, and each change is told apart."""
    assert not Switches.objects.exists()
    page = root.get(PAGE).content.decode()
    assert page.count("checked") == 4
    off = {**ON, "banner_text": "Upgrade on Sunday", "has_playground": ""}
    assert root.post(PAGE, off).status_code == 302
    entries = StaffEntry.objects.filter(action="switches.set").order_by("words")
    assert [(one.actor_name, one.words) for one in entries] == [
        ("root@tokenfab.example", "banner_text: Upgrade on Sunday"),
        ("root@tokenfab.example", "has_playground: none"),
    ]
    assert root.post(PAGE, off).status_code == 302
    assert entries.count() == 2
    assert people.client("staff").get(PAGE).status_code == 200


def test_it_refuses_staff_who_are_no_superusers(people):
    assert people.client("staff").post(PAGE, ON).status_code == 403
    assert not Switches.objects.exists()


def test_it_refuses_a_link_without_a_text_and_what_is_no_link(root):
    for bad in ({"banner_url": "https://x.example/"}, {"sign_ups": "odd"}):
        assert root.post(PAGE, {**ON, **bad}).status_code == 422
    script = {"banner_text": "x", "banner_url": "javascript:alert(1)"}
    assert root.post(PAGE, {**ON, **script}).status_code == 422
    assert not Switches.objects.exists()


def test_an_announcement_is_on_every_page(root, people):
    url = "https://status.example/1"
    root.post(PAGE, {**ON, "banner_text": "Upgrade <soon>", "banner_url": url})
    for name in ("owner", "staff", "anonymous"):
        page = people.client(name).get("/status/").content.decode()
        assert "Upgrade &lt;soon&gt;" in page
        assert f'href="{url}"' in page


def test_without_a_playground_there_is_no_page_and_no_secret(root, people):
    owner = people.client("owner")
    assert owner.get("/playground/").status_code == 200
    root.post(PAGE, {**ON, "has_playground": ""})
    answer = owner.get("/playground/")
    assert answer.status_code == 404
    assert "switched the playground off" in answer.content.decode()
    assert owner.post("/playground/secret/").status_code == 404
    assert 'href="/playground/"' not in owner.get("/keys/").content.decode()


def test_closed_sign_ups_let_nobody_in(root, people, now):
    root.post(PAGE, {**ON, "sign_ups": SignUps.CLOSED})
    secret = invite(people.tenant, people.users["owner"], now).secret
    invited = client_of(None)
    invited.get(f"/invitations/{secret}/")
    for client in (client_of(None), invited):
        before = User.objects.count()
        answer = sign_up(client, "nora@acme.example")
        assert "Sign-up is closed" in answer.content.decode()
        assert User.objects.count() == before
    assert "account/signup" not in client_of(None).get("/").content.decode()


def test_by_invitation_only_those_who_have_one_come_in(root, people, now):
    root.post(PAGE, {**ON, "sign_ups": SignUps.INVITED})
    refused = sign_up(client_of(None), "nora@acme.example")
    assert "By invitation" in refused.content.decode()
    issued = invite(people.tenant, people.users["owner"], now)
    invited = client_of(None)
    invited.get(f"/invitations/{issued.secret}/")
    other = sign_up(invited, "another@acme.example")
    assert "for another address" in other.content.decode()
    sign_up(invited, "nora@acme.example")
    assert people.tenant.members.filter(user__email="nora@acme.example").exists()


def test_leases_that_are_not_sold_keep_their_rates(root, version, now):
    del version
    assert all(one.sells_leases for one in read_price_vectors(now))
    root.post(PAGE, {**ON, "sells_leases": ""})
    vectors = read_price_vectors(now)
    assert vectors
    assert not any(one.sells_leases for one in vectors)
    assert vectors[0].output_nanos_per_million


def test_processes_go_by_what_they_know_for_a_while(db, settings):
    del db
    settings.SWITCHES_SECONDS = 60.0
    reading.forget_switches()
    assert read_switches().has_playground
    Switches.objects.create(has_playground=False)
    assert read_switches().has_playground
    reading.forget_switches()
    assert not read_switches().has_playground
    reading.forget_switches()


@pytest.mark.django_db(transaction=True)
def test_this_process_knows_at_the_commit(settings):
    settings.SWITCHES_SECONDS = 60.0
    read_switches()
    set_switches(Switches(has_playground=False))
    assert not read_switches().has_playground
    reading.forget_switches()


@pytest.mark.django_db
def test_the_database_refuses_a_second_row():
    Switches.objects.create()
    with pytest.raises(IntegrityError, match="switches_one_row"):
        Switches.objects.create(pk=2)
