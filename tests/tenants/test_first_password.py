"""Whoever an operator made by `open_tenant --email` comes in by "forgot password"."""

import re

import pytest
from django.core import mail
from django.core.cache import cache

from tenants.services.make_user_if_needed import make_user_if_needed
from tests.factories import PASSWORD


@pytest.fixture(autouse=True)
def _no_attempts_counted():
    cache.clear()


@pytest.mark.django_db
def test_it_works(client):
    user = make_user_if_needed("ada@example.com")

    client.post("/accounts/password/reset/", {"email": "ada@example.com"})
    pattern = r"https?://[^/\s]+(/accounts/password/reset/\S+)"
    (link,) = re.findall(pattern, _only_mail())
    page = client.get(link, follow=True)
    answer = client.post(
        page.redirect_chain[-1][0], {"password1": PASSWORD, "password2": PASSWORD}
    )

    assert answer.status_code == 302
    user.refresh_from_db()
    assert user.check_password(PASSWORD)


@pytest.mark.django_db
def test_it_refuses_to_sign_in_before(client):
    make_user_if_needed("ada@example.com")

    client.post("/accounts/login/", {"login": "ada@example.com", "password": ""})

    assert "_auth_user_id" not in client.session


def _only_mail():
    (message,) = mail.outbox
    return message.body
