"""Give a project another name; what it used stays its own."""

from django.db import IntegrityError, transaction
from django.utils.translation import gettext

from tenants.errors import ProjectNotFoundError
from tenants.models import Project, Tenant
from tenants.services.create_project import checked_project_name, name_taken
from tenants.services.note_act import note_act


@transaction.atomic
def rename_project(*, project_id: int, tenant: Tenant, name: str) -> bool:
    """True if it changed anything. Raises ProjectNotFoundError, InvalidNameError and
    ProjectNameTakenError.
    """
    cleaned = checked_project_name(name)
    mine = Project.objects.filter(pk=project_id, tenant=tenant)
    project = mine.select_for_update().first()
    if project is None:
        raise ProjectNotFoundError(gettext("There is no such project."))
    if project.name == cleaned:
        return False
    try:
        with transaction.atomic():
            mine.update(name=cleaned)
    except IntegrityError:
        raise name_taken(cleaned) from None
    words = f"from {project.name} to {cleaned}"
    note_act("project.renamed", tenant_id=tenant.pk, about=project, words=words)
    return True
