import pytest

from tenants.models import User
from tenants.services.make_user_if_needed import make_user_if_needed
from tests.factories import PASSWORD, make_user
from tests.parallel import in_parallel


@pytest.mark.django_db
def test_it_works():
    user = make_user_if_needed("Ada@Example.com")

    assert user.email == "ada@example.com"
    assert not user.has_usable_password()
    assert not user.is_staff


@pytest.mark.django_db
def test_a_known_user_stays_as_he_is():
    known = make_user(email="ada@example.com")

    assert make_user_if_needed("ADA@example.com") == known
    known.refresh_from_db()
    assert known.check_password(PASSWORD)


@pytest.mark.django_db(transaction=True)
def test_parallel_calls_make_one():
    users = in_parallel(*[lambda: make_user_if_needed("ada@example.com")] * 4)

    assert len({user.pk for user in users}) == 1 == User.objects.count()
