import re
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from tenants.models import User

pytestmark = pytest.mark.django_db


def test_it_works():
    output = StringIO()

    call_command("operator_login", stdout=output)

    assert re.fullmatch(r"/operator/login/\w+/[\w-]+/\n", output.getvalue())


def test_it_refuses_an_operator_who_was_locked_out():
    call_command("operator_login", stdout=StringIO())
    User.objects.update(is_active=False)

    with pytest.raises(CommandError, match="disabled"):
        call_command("operator_login", stdout=StringIO())
