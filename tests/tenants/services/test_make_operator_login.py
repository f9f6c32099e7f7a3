import re

import pytest
from django.contrib.auth.models import update_last_login
from django.contrib.auth.tokens import default_token_generator
from django.utils.http import urlsafe_base64_decode

from tenants.errors import OperatorDisabledError
from tenants.models import User
from tenants.services.make_operator_login import make_operator_login

pytestmark = pytest.mark.django_db


def opens(path):
    """Whether the link would sign its user in now."""
    ((uid, token),) = re.findall(r"^/operator/login/([^/]+)/([^/]+)/$", path)
    user = User.objects.get(pk=urlsafe_base64_decode(uid).decode())
    return default_token_generator.check_token(user, token)


def test_it_works():
    path = make_operator_login()

    operator = User.objects.get(email="operator@localhost")
    assert operator.is_staff
    assert operator.is_superuser
    assert not operator.has_usable_password()
    assert opens(path)


def test_the_first_login_spends_every_link():
    paths = [make_operator_login(), make_operator_login()]
    assert [opens(path) for path in paths] == [True, True]

    update_last_login(User, User.objects.get())

    assert [opens(path) for path in paths] == [False, False]
    assert opens(make_operator_login())


def test_a_changed_token_opens_nothing():
    path = make_operator_login()

    assert not opens(path[:-2] + ("0" if path[-2] != "0" else "1") + "/")


@pytest.mark.parametrize("field", ["is_active", "is_staff"])
def test_it_refuses_an_operator_who_was_locked_out(field):
    make_operator_login()
    User.objects.update(**{field: False})

    with pytest.raises(OperatorDisabledError):
        make_operator_login()
