"""Put a project away: its keys are revoked, and what it used stays."""

from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext

from tenants.errors import LastProjectError, ProjectNotFoundError
from tenants.models import ApiKey, Project, Tenant
from tenants.services.note_act import note_act
from tenants.services.revoke_api_key import revoke_api_key


@transaction.atomic
def archive_project(*, project_id: int, tenant: Tenant, now: datetime) -> bool:
    """True if this call archived it; there is no way back. Raises
    ProjectNotFoundError, and LastProjectError for the last one in use.
    """
    # Issuing a key holds the same row, so none comes after its project went.
    Tenant.objects.select_for_update(no_key=True).get(pk=tenant.pk)
    project = Project.objects.filter(pk=project_id, tenant=tenant).first()
    if project is None:
        raise ProjectNotFoundError(gettext("There is no such project."))
    if project.archived_at is not None:
        return False
    in_use = tenant.projects.filter(archived_at=None).exclude(pk=project_id)
    if not in_use.exists():
        raise LastProjectError(gettext("A tenant keeps at least one project."))
    for api_key in living_keys_of_project(project):
        revoke_api_key(api_key_id=api_key.pk, tenant=tenant, now=now)
    Project.objects.filter(pk=project_id).update(archived_at=now)
    words = project.name
    note_act("project.archived", tenant_id=tenant.pk, about=project, words=words)
    return True


def living_keys_of_project(project: Project) -> QuerySet[ApiKey]:
    return project.api_keys.filter(revoked_at=None).order_by("pk")
