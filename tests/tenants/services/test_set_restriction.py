import pytest
from django.db import IntegrityError
from django.utils import timezone

from tenants.errors import PaymentOverdueError
from tenants.models import ApiKey, Restriction, Tenant
from tenants.services.issue_api_key import issue_api_key
from tenants.services.set_restriction import set_restriction
from tenants.wire import SNAPSHOT_KIND
from tests.factories import make_api_key, make_project, make_tenant
from tests.published import is_published, published


@pytest.mark.django_db(transaction=True)
def test_it_works(valkey):
    """The data plane is told at the commit, and again when it is lifted."""
    key, _ = make_api_key()
    other, _ = make_api_key(project=make_project(tenant=make_tenant(name="Other")))

    assert set_restriction(tenant_id=key.tenant_id, restriction=Restriction.NO_CALLS)
    suspended = {
        item["api_key_id"]: item.get("is_suspended", False)
        for item in published(valkey, SNAPSHOT_KIND).items
    }
    set_restriction(tenant_id=key.tenant_id, restriction=Restriction.NONE)

    assert suspended == {key.pk: True, other.pk: False}
    assert not any(
        "is_suspended" in item for item in published(valkey, SNAPSHOT_KIND).items
    )


@pytest.mark.django_db(transaction=True)
def test_what_is_set_already_is_not_published(valkey):
    tenant = make_tenant()

    assert not set_restriction(tenant_id=tenant.pk, restriction=Restriction.NONE)

    assert not is_published(valkey, SNAPSHOT_KIND)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("restriction", "is_refused"),
    [
        (Restriction.NONE, False),
        (Restriction.WARNED, False),
        (Restriction.NO_NEW_KEYS, True),
        (Restriction.NO_CALLS, True),
    ],
)
def test_it_refuses_new_keys_from_the_second_level_on(restriction, is_refused):
    project = make_project()
    set_restriction(tenant_id=project.tenant_id, restriction=restriction)
    now = timezone.now()

    try:
        issue_api_key(project=project, name="Laptop", created_by=None, now=now)
    except PaymentOverdueError as error:
        assert "Billing" in str(error)  # noqa: PT017  the text says where to mend it

    assert ApiKey.objects.count() == (0 if is_refused else 1)


@pytest.mark.django_db
def test_the_database_refuses_a_level_that_is_not_there():
    with pytest.raises(IntegrityError, match="tenant_restriction_known"):
        Tenant.objects.filter(pk=make_tenant().pk).update(restriction="banned")
