import pytest
from django.core import mail
from django.core.cache import cache
from django.core.mail import EmailMultiAlternatives
from django.test import Client

from tenants.known_browsers import COOKIE
from tests.factories import PASSWORD, confirm_address, make_user
from tests.tenants.test_sign_up import code_of, sign_up

LOGIN = "/accounts/login/"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@pytest.fixture(autouse=True)
def _no_attempts_counted():
    cache.clear()


def known_user(email, **fields):
    user = make_user(email=email, **fields)
    confirm_address(user)
    return user


@pytest.fixture
def ada(db):  # noqa: ARG001  opens the database
    return known_user("ada@example.com")


def sign_in(client, email="ada@example.com", password=PASSWORD):
    return client.post(
        LOGIN,
        {"login": email, "password": password},
        headers={"user-agent": FIREFOX},
    )


@pytest.mark.usefixtures("ada")
def test_it_works(client):
    assert sign_in(client).status_code == 302

    (told,) = mail.outbox
    assert told.to == ["ada@example.com"]
    assert told.subject == "A sign-in from a browser that is new to us"
    assert "ada@example.com" in told.body
    assert "Firefox, Linux · 127.0.0.1" in told.body
    assert isinstance(told, EmailMultiAlternatives)
    html, kind = told.alternatives[0]
    assert kind == "text/html"
    assert "/accounts/sessions/" in str(html)
    cookie = client.cookies[COOKIE]
    assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax")


@pytest.mark.usefixtures("ada")
def test_a_known_browser_is_no_news(client):
    sign_in(client)
    client.post("/accounts/logout/")
    sign_in(client)
    assert len(mail.outbox) == 1


@pytest.mark.usefixtures("ada")
def test_another_browser_is_news_again(client):
    sign_in(client)
    sign_in(Client())
    assert len(mail.outbox) == 2


@pytest.mark.usefixtures("ada")
def test_a_browser_is_known_to_each_user_apart(client):
    known_user("bob@example.com")
    for email in ("ada@example.com", "bob@example.com") * 2:
        sign_in(client, email)
        client.post("/accounts/logout/")
    assert [one.to for one in mail.outbox] == [
        ["ada@example.com"],
        ["bob@example.com"],
    ]


@pytest.mark.usefixtures("ada")
def test_it_refuses_a_cookie_that_somebody_else_wrote(client):
    client.cookies[COOKIE] = "WzFd:1tYx00:forged"
    sign_in(client)
    assert len(mail.outbox) == 1


@pytest.mark.usefixtures("ada")
def test_a_wrong_password_is_no_sign_in(client):
    sign_in(client, password="wrong")
    assert mail.outbox == []
    assert COOKIE not in client.cookies


@pytest.mark.django_db
def test_signing_up_is_no_news_and_makes_the_browser_known(client):
    answer = sign_up(client, email="eva@example.com")
    client.post(answer.url, {"code": code_of(mail.outbox[0])})
    assert client.session["_auth_user_id"]
    client.post("/accounts/logout/")
    sign_in(client, "eva@example.com")
    assert len(mail.outbox) == 1  # the code


@pytest.mark.django_db
def test_it_is_in_the_readers_language(client):
    known_user("ute@example.com", language="de")
    sign_in(client, "ute@example.com")
    assert mail.outbox[0].subject.startswith("Eine Anmeldung aus einem Browser")


@pytest.mark.usefixtures("ada")
def test_a_mail_server_that_is_away_keeps_nobody_out(client, settings, caplog):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    assert sign_in(client).status_code == 302
    assert "no mail about a sign-in" in caplog.text
