import pytest

from tenants.errors import ApiKeyNotFoundError, InvalidNameError
from tenants.services.rename_api_key import rename_api_key
from tests.factories import make_api_key, make_tenant

pytestmark = pytest.mark.django_db


def test_it_works():
    api_key, _ = make_api_key(name="Laptop")

    rename_api_key(api_key_id=api_key.pk, tenant=api_key.tenant, name=" Server ")

    api_key.refresh_from_db()
    assert api_key.name == "Server"


@pytest.mark.parametrize("name", ["", " ", "x" * 101])
def test_it_refuses_a_bad_name(name):
    api_key, _ = make_api_key(name="Laptop")

    with pytest.raises(InvalidNameError):
        rename_api_key(api_key_id=api_key.pk, tenant=api_key.tenant, name=name)

    api_key.refresh_from_db()
    assert api_key.name == "Laptop"


def test_it_refuses_another_tenants_key():
    api_key, _ = make_api_key(name="Laptop")

    with pytest.raises(ApiKeyNotFoundError):
        rename_api_key(api_key_id=api_key.pk, tenant=make_tenant(), name="Mine")

    api_key.refresh_from_db()
    assert api_key.name == "Laptop"
