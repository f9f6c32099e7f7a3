import pytest
from django.core.mail import send_mail
from django.test import Client, override_settings

from tests.frontend.people import HOST, client_of

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def folder(settings, tmp_path):
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    settings.EMAIL_FILE_PATH = settings.MAILBOX_FOLDER = tmp_path
    send_mail(
        "Your Tokenfab code: K7M2Q9",
        "Your code is\n\n    K7M2Q9\n\nor http://127.0.0.1:8000/x/ <b>",
        None,
        ["nora@new.example"],
    )
    return tmp_path


def test_it_works():
    response = client_of(None).get("/dev/mailbox/")
    (mail,) = response.context["mails"]
    assert (mail.to, mail.code) == ("nora@new.example", "K7M2Q9")
    page = client_of(None).get(f"/dev/mailbox/{mail.name}/").content.decode()
    assert 'href="http://127.0.0.1:8000/x/"' in page
    assert "&lt;b&gt;" in page


def test_it_is_empty_before_the_first_mail(folder):
    next(folder.glob("*.log")).unlink()
    assert "No mail yet" in client_of(None).get("/dev/mailbox/").content.decode()


@pytest.mark.parametrize(
    "name", ["nothing.log:0", "..%2F..%2Fetc%2Fpasswd:0", "a.log", "a.log:x", ":0"]
)
def test_it_refuses_a_mail_that_is_not_there(name):
    assert client_of(None).get(f"/dev/mailbox/{name}/").status_code == 404


@pytest.mark.parametrize(
    "origin",
    [
        {"REMOTE_ADDR": "192.0.2.7"},
        {"REMOTE_ADDR": ""},
        {"REMOTE_ADDR": HOST, "HTTP_X_FORWARDED_FOR": "192.0.2.7"},
        {"REMOTE_ADDR": HOST, "HTTP_FORWARDED": "for=192.0.2.7"},
    ],
)
def test_it_refuses_everybody_who_is_not_on_this_machine(origin):
    client = Client(headers={"host": HOST}, **origin)
    assert client.get("/dev/mailbox/").status_code == 404


@override_settings(HAS_MAILBOX=False)
def test_it_refuses_where_mails_are_really_sent():
    assert client_of(None).get("/dev/mailbox/").status_code == 404
