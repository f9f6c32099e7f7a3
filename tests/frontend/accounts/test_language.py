"""In which language a page is, and how amounts and times are written in it."""

import re
from datetime import UTC, datetime

import pytest
from django.core import mail
from django.utils import translation

from frontend.formatting import amount_of_cents, day, exact_amount, short_count, whole
from tenants.models import User
from tests.frontend.people import client_of

GERMAN = {"accept-language": "de-AT,de;q=0.9,en;q=0.5"}


def language_of(answer) -> str:
    html = answer.content.decode()
    found = re.search(r'<html lang="(\w+)" dir="ltr">', html)
    assert found
    assert answer["Content-Language"] == found[1]
    return found[1]


def test_it_follows_the_browser(db):  # noqa: ARG001  opens the database
    visitor = client_of(None)
    assert language_of(visitor.get("/accounts/login/")) == "en"
    answer = visitor.get("/accounts/login/", headers=GERMAN)
    assert language_of(answer) == "de"
    assert {"Accept-Language", "Cookie"} <= set(answer["Vary"].split(", "))
    french = visitor.get("/accounts/login/", headers={"accept-language": "fr"})
    assert language_of(french) == "en"


def test_a_choice_is_kept(db):  # noqa: ARG001  opens the database
    visitor = client_of(None)
    answer = visitor.post("/language/", {"language": "de", "next": "/status/"})
    assert (answer.status_code, answer["Location"]) == (302, "/status/")
    assert answer.cookies["django_language"]["httponly"]
    assert language_of(visitor.get("/status/")) == "de"
    visitor.post("/language/", {"language": "en", "next": "/status/"})
    assert language_of(visitor.get("/status/", headers=GERMAN)) == "en"


def test_the_account_keeps_it_on_every_machine(people):
    people.client("owner").post("/language/", {"language": "de", "next": "/keys/"})
    elsewhere = client_of(people.users["owner"])
    assert language_of(elsewhere.get("/keys/")) == "de"
    assert (
        language_of(elsewhere.get("/keys/", headers={"accept-language": "en"})) == "de"
    )
    assert language_of(people.client("colleague").get("/keys/")) == "en"
    elsewhere.post("/language/", {"language": "xx", "next": "/keys/"})
    assert User.objects.get(email="olga@acme.example").language == "de"


def test_who_signs_up_is_spoken_to_as_before(db):  # noqa: ARG001  opens the database
    data = {"email": "neu@acme.example", "password1": "nine lives and more"}
    client_of(None).post("/accounts/signup/", data, headers=GERMAN)
    assert User.objects.get(email="neu@acme.example").language == "de"
    assert "Ihr Code" in mail.outbox[0].body


def test_it_leads_to_no_other_host_and_speaks_no_unknown_language(db):  # noqa: ARG001
    visitor = client_of(None)
    away = {"language": "de", "next": "https://evil.example/"}
    assert visitor.post("/language/", away)["Location"] == "/"
    visitor.post("/language/", {"language": "xx", "next": "/"})
    assert language_of(visitor.get("/status/")) == "de"
    assert visitor.get("/language/").status_code == 405


@pytest.mark.parametrize("path", ["/api/v1/openapi.json", "/healthz"])
def test_machines_are_answered_in_english(db, path):  # noqa: ARG001
    answer = client_of(None).get(path, headers=GERMAN)
    assert "Content-Language" not in answer


def test_an_error_of_the_api_stays_english(people):
    answer = people.client("anonymous").get("/api/v1/usage", headers=GERMAN)
    english = people.client("anonymous").get("/api/v1/usage")
    assert answer.status_code == english.status_code == 401
    assert answer.content == english.content


def test_amounts_and_times_are_written_as_the_language_does():
    with translation.override("de"):
        assert exact_amount(-1_234_500_000_001) == "-1.234,500000001\N{NO-BREAK SPACE}$"
        assert amount_of_cents(123_456) == "1.234,56\N{NO-BREAK SPACE}$"
        assert whole(1_234_567) == "1.234.567"
        assert short_count(12_345) == "12,3 k"
        assert day(datetime(2026, 3, 1, tzinfo=UTC)) == "1. Mär 2026"
    assert exact_amount(-1_234_500_000_001) == "-$1,234.500000001"


def test_scripts_get_their_texts(db):  # noqa: ARG001  opens the database
    visitor = client_of(None)
    answer = visitor.get("/texts/de.js")
    assert answer["Content-Type"].startswith("text/javascript")
    assert "max-age" in answer["Cache-Control"]
    assert visitor.get("/texts/xx.js").status_code == 404
    german = visitor.get("/status/", headers=GERMAN).content.decode()
    assert '<script src="/texts/de.js"></script>' in german
    assert "/texts/" not in visitor.get("/status/").content.decode()
