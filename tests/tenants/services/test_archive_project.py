from datetime import UTC, datetime

import pytest

from tenants.audit_models import AuditEntry
from tenants.errors import (
    InvalidNameError,
    LastProjectError,
    ProjectArchivedError,
    ProjectNameTakenError,
    ProjectNotFoundError,
    TooManyProjectsError,
)
from tenants.services import create_project as creating
from tenants.services.archive_project import archive_project
from tenants.services.create_project import create_project
from tenants.services.issue_api_key import issue_api_key
from tenants.services.rename_project import rename_project
from tests.factories import make_api_key, make_project, make_tenant

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)


@pytest.fixture
def tenant():
    return make_tenant()


@pytest.fixture
def project(tenant):
    make_project(tenant=tenant)
    return create_project(tenant=tenant, name=" Search ", now=NOW)


def archive(project):
    return archive_project(project_id=project.pk, tenant=project.tenant, now=NOW)


def test_it_works(project, tenant):
    api_key, _ = make_api_key(project=project)
    other, _ = make_api_key(project=tenant.projects.earliest("pk"))
    assert project.name == "Search"
    assert archive(project)
    assert not archive(project)
    for row in (project, api_key, other):
        row.refresh_from_db()
    assert (project.archived_at, api_key.revoked_at) == (NOW, NOW)
    assert other.revoked_at is None
    actions = AuditEntry.objects.order_by("pk").values_list("action", flat=True)
    assert list(actions) == ["project.created", "api_key.revoked", "project.archived"]


def test_it_refuses_new_keys_then(project):
    archive(project)
    with pytest.raises(ProjectArchivedError):
        issue_api_key(project=project, name="Late", created_by=None, now=NOW)


def test_it_refuses_the_last_one(project, tenant):
    archive(tenant.projects.earliest("pk"))
    with pytest.raises(LastProjectError):
        archive(project)


def test_it_refuses_another_tenants(project):
    stranger = make_tenant()
    with pytest.raises(ProjectNotFoundError):
        archive_project(project_id=project.pk, tenant=stranger, now=NOW)
    with pytest.raises(ProjectNotFoundError):
        rename_project(project_id=project.pk, tenant=stranger, name="Mine")


def test_it_is_renamed(project, tenant):
    rename = {"project_id": project.pk, "tenant": tenant}
    assert rename_project(**rename, name="Chat")
    assert not rename_project(**rename, name="Chat")
    with pytest.raises(ProjectNameTakenError):
        rename_project(**rename, name="Default")
    with pytest.raises(InvalidNameError):
        rename_project(**rename, name=" ")


def test_it_refuses_a_name_that_is_taken(project, tenant):
    with pytest.raises(ProjectNameTakenError):
        create_project(tenant=tenant, name=project.name, now=NOW)


def test_it_refuses_more_than_so_many(project, tenant, monkeypatch):
    del project
    monkeypatch.setattr(creating, "PROJECTS_MAX", 2)
    with pytest.raises(TooManyProjectsError):
        create_project(tenant=tenant, name="Third", now=NOW)
