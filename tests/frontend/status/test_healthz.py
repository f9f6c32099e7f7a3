import pytest
from django.conf import settings
from django.db import connection

from tests.frontend.people import client_of


def test_it_works_without_a_session(db):  # noqa: ARG001  opens the database
    response = client_of(None).get("/healthz")
    assert (response.status_code, response.content) == (200, b"ok\n")
    assert settings.SESSION_COOKIE_NAME not in response.cookies


@pytest.mark.django_db(transaction=True)
def test_it_answers_503_when_the_database_does_not(monkeypatch):
    connection.close()
    monkeypatch.setitem(connection.settings_dict, "PORT", "1")
    response = client_of(None).get("/healthz")
    assert response.status_code == 503
