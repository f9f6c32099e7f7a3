"""A staff token is shown once, and works until it expires or is revoked."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from billing.models.api_access import StaffToken
from billing.services.api_access.find_staff_token import find_staff_token

pytestmark = pytest.mark.django_db


def run(*arguments):
    out = StringIO()
    call_command("issue_staff_token", *arguments, stdout=out)
    return out.getvalue().strip()


def test_it_works():
    secret = run("bookkeeping", "--days", "7")
    now = timezone.now()
    token = find_staff_token(secret, now=now)
    assert token is not None
    assert token.name == "bookkeeping"
    assert secret.encode() not in bytes(token.digest)
    assert find_staff_token(secret, now=now + timedelta(days=7)) is None


def test_a_revoked_one_stops_working():
    secret, other = run("bookkeeping"), run("dashboard")
    assert run("bookkeeping", "--revoke") == "1 revoked"
    assert find_staff_token(secret, now=timezone.now()) is None
    assert find_staff_token(other, now=timezone.now()) is not None


@pytest.mark.parametrize("arguments", [("",), ("x", "--days", "0"), ("x" * 101,)])
def test_it_refuses_what_is_no_name_or_time(arguments):
    with pytest.raises(CommandError):
        run(*arguments)
    assert not StaffToken.objects.exists()
