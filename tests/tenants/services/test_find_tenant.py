import pytest

from tenants.errors import TenantAmbiguousError, TenantNotFoundError
from tenants.services.find_tenant import find_tenant
from tests.factories import make_tenant

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("wanted", ["Acme Robotics", "acme-robotics"])
def test_it_works(wanted):
    tenant = make_tenant(name="Acme Robotics", slug="acme-robotics")

    assert find_tenant(wanted) == tenant
    assert find_tenant(f"#{tenant.pk}") == tenant


@pytest.mark.parametrize("wanted", ["Acme", "", "#1", "#", "#999999999999999999"])
def test_it_refuses_what_nobody_is_called(wanted):
    tenant = make_tenant(name="Other")
    if wanted == "#1":
        wanted = f"#{tenant.pk + 1}"

    with pytest.raises(TenantNotFoundError):
        find_tenant(wanted)


def test_it_refuses_to_choose_between_a_slug_and_a_name():
    """A stranger whose slug is our name must not be taken for us."""
    stranger = make_tenant(name="Acme", slug="acme")
    ours = make_tenant(name="acme", slug="acme-1f2e3d")

    with pytest.raises(TenantAmbiguousError, match=f"#{stranger.pk}.*#{ours.pk}"):
        find_tenant("acme")

    assert find_tenant(f"#{ours.pk}") == ours
