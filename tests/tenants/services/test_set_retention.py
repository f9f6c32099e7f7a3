import msgspec
import pytest

from tenants.errors import InvalidRetentionError, ProjectNotFoundError
from tenants.models import Project
from tenants.services.set_retention import set_retention
from tenants.wire import SNAPSHOT_KIND, KeyPolicy, KvTier, OnFull, Retention
from tests.factories import make_api_key, make_project, make_tenant
from tests.published import is_published, published

SOME = Retention(timeout_seconds=15, tier=KvTier.HBM, on_full=OnFull.FAIL)
NOTHING = Retention(timeout_seconds=None)


def policies(valkey):
    items = published(valkey, SNAPSHOT_KIND).items
    return {one.project_id: one for one in msgspec.convert(items, list[KeyPolicy])}


def put(project, retention):
    return set_retention(
        project_id=project.pk, tenant_id=project.tenant_id, retention=retention
    )


@pytest.mark.django_db(transaction=True)
def test_it_works(valkey):
    project = make_project()
    other = make_project(tenant=project.tenant, name="Other")
    for one in (project, other):
        make_api_key(project=one)

    assert put(project, SOME)

    found = policies(valkey)
    assert found[project.pk].retention == SOME
    assert found[other.pk].retention is None
    assert put(project, NOTHING)
    assert policies(valkey)[project.pk].retention is None


@pytest.mark.django_db(transaction=True)
def test_hints_alone_are_something(valkey):
    project = make_project()
    make_api_key(project=project)
    hints = Retention(timeout_seconds=None, honours_cache_hints=True)

    assert put(project, hints)

    assert policies(valkey)[project.pk].retention == hints


@pytest.mark.django_db(transaction=True)
def test_the_same_again_is_not_published(valkey):
    project = make_project()

    assert not put(project, NOTHING)
    assert not is_published(valkey, SNAPSHOT_KIND)


@pytest.mark.django_db
@pytest.mark.parametrize("seconds", [0, -1, 86_401])
def test_it_refuses_a_time_that_is_not_sold(seconds):
    project = make_project()

    with pytest.raises(InvalidRetentionError):
        put(project, Retention(timeout_seconds=seconds))


@pytest.mark.django_db
def test_it_refuses_another_tenants_project():
    project, stranger = make_project(), make_tenant(name="Stranger")

    with pytest.raises(ProjectNotFoundError):
        set_retention(project_id=project.pk, tenant_id=stranger.pk, retention=SOME)
    assert Project.objects.get(pk=project.pk).retention == NOTHING
