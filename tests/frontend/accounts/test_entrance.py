"""Signing up, in and out, and the ways in which it goes wrong."""

import re

import pytest
from django.core import mail

from billing.models.price_books import PriceBook
from tenants.models import Tenant, User
from tenants.sign_up import INVITATION_KEY
from tests.billing.usage import make_price
from tests.factories import PASSWORD, make_served_model
from tests.frontend.people import client_of

pytestmark = pytest.mark.django_db
NEW = {"email": "nora@new.example", "password1": "a quiet harbour"}


def found_in_mail(pattern):
    (found,) = re.findall(pattern, str(mail.outbox[-1].body))[:1]
    return found


def sign_up(client):
    response = client.post("/accounts/signup/", NEW)
    assert response["Location"] == "/accounts/confirm-email/"
    return found_in_mail(r"(?m)^ {4}(\S+)$")


def test_it_works():
    client = client_of(None)
    code = sign_up(client)
    assert mail.outbox[-1].subject == f"Your Tokenfab code: {code}"
    response = client.post("/accounts/confirm-email/", {"code": code})
    assert (response.status_code, response["Location"]) == (302, "/")
    assert "Make your first call" in client.get("/").content.decode()
    assert Tenant.objects.filter(members__user__email=NEW["email"]).count() == 1


def test_it_refuses_a_wrong_code_beside_its_field():
    client = client_of(None)
    sign_up(client)
    page = client.post("/accounts/confirm-email/", {"code": "WRONG1"})
    assert "Incorrect code" in page.content.decode()
    assert client.get("/keys/").status_code == 302


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"password1": "short"}, "too short"),
        ({"password1": "password123"}, "too common"),
        ({"email": "nora"}, "valid email"),
        ({"email": ""}, "required"),
    ],
)
def test_it_refuses_a_sign_up_and_keeps_what_was_typed(changes, message):
    page = client_of(None).post("/accounts/signup/", {**NEW, **changes})
    text = page.content.decode()
    assert message in text
    assert f'value="{ {**NEW, **changes}["email"] }"' in text or not changes.get(
        "email", True
    )
    assert not User.objects.filter(email=NEW["email"]).exists()


def sell_in(*currencies):
    model = make_served_model()
    for currency in currencies:
        make_price(model, price_book=PriceBook.objects.list_book(currency))


def test_the_currency_is_chosen_where_there_are_several():
    sell_in("USD", "EUR")
    client = client_of(None)
    page = client.get("/accounts/signup/").text
    assert '<option value="USD" selected>' in page
    refused = client.post("/accounts/signup/", {**NEW, "currency": "GBP"})
    assert "not one of the available choices" in refused.text
    client.post("/accounts/signup/", {**NEW, "currency": "EUR"})
    assert Tenant.objects.get(members__user__email=NEW["email"]).currency == "EUR"


def test_it_does_not_ask_for_a_currency_without_a_choice():
    PriceBook.objects.list_book("EUR")  # has no price yet
    client = client_of(None)
    assert 'name="currency"' not in client.get("/accounts/signup/").text
    client.post("/accounts/signup/", {**NEW, "currency": "EUR"})
    assert Tenant.objects.get(members__user__email=NEW["email"]).currency == "USD"


def test_a_currency_without_a_plan_to_begin_on_is_not_offered(settings):
    settings.DEFAULT_PLAN = "free"
    sell_in("USD", "EUR")
    assert 'name="currency"' not in client_of(None).get("/accounts/signup/").text


def test_who_is_invited_pays_as_the_tenant_does():
    sell_in("USD", "EUR")
    client = client_of(None)
    session = client.session
    session[INVITATION_KEY] = "of some mail"
    session.save()
    assert 'name="currency"' not in client.get("/accounts/signup/").text


def test_it_does_not_tell_who_has_signed_up_before(people):  # noqa: ARG001  they have
    known = client_of(None).post(
        "/accounts/signup/", {**NEW, "email": "olga@acme.example"}
    )
    assert known["Location"] == "/accounts/confirm-email/"
    assert "has" in mail.outbox[-1].body
    assert "signed up before" in " ".join(mail.outbox[-1].body.split())


def test_it_refuses_a_wrong_password(people):  # noqa: ARG001  Olga is there
    page = client_of(None).post(
        "/accounts/login/", {"login": "olga@acme.example", "password": "wrong"}
    )
    text = page.content.decode()
    assert "not correct" in text
    assert 'value="olga@acme.example"' in text


def test_signing_in_and_out(people):
    people.users["owner"].emailaddress_set.create(
        email="olga@acme.example", verified=True, primary=True
    )
    client = client_of(None)
    given = {"login": "olga@acme.example", "password": PASSWORD}
    response = client.post(
        "/accounts/login/?next=/usage/", {**given, "next": "/usage/"}
    )
    assert response["Location"] == "/usage/"
    client.post("/accounts/logout/")
    assert client.get("/usage/").status_code == 302


def test_resetting_a_password(people):
    people.users["owner"].emailaddress_set.create(
        email="olga@acme.example", verified=True, primary=True
    )
    client = client_of(None)
    client.post("/accounts/password/reset/", {"email": "olga@acme.example"})
    link = found_in_mail(r"http://[^/]+(\S+)")
    form = client.get(link, follow=True)
    assert "Choose a new password" in form.content.decode()
    path = form.redirect_chain[-1][0]
    chosen = "another quiet harbour"
    client.post(path, {"password1": chosen, "password2": chosen})
    assert (
        "does not work any more"
        in client_of(None).get(link, follow=True).content.decode()
    )
    people.users["owner"].refresh_from_db()
    assert people.users["owner"].check_password(chosen)


@pytest.mark.parametrize("path", ["/nothing/", "/keys/999999999/"])
def test_what_is_not_there_answers_404_in_our_look(people, path):
    response = people.client("owner").get(path)
    assert response.status_code == 404
    assert "There is nothing here" in response.content.decode()
