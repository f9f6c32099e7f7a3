"""Take a project back out of the archive, with the keys that went with it."""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext

from tenants.errors import ProjectNotFoundError
from tenants.models import Project, Tenant
from tenants.services.note_act import note_act
from tenants.services.publish_key_policies import publish_key_policies


@transaction.atomic
def restore_project(
    *, project_id: int, tenant: Tenant, archived_at: datetime
) -> Project:
    """Undoes the archiving of that moment; safe twice. Its keys work again, but for
    those of people who are no members any more.

    Raises ProjectNotFoundError, also when it was archived at another time.
    """
    Tenant.objects.select_for_update(no_key=True).get(pk=tenant.pk)
    project = Project.objects.filter(pk=project_id, tenant=tenant).first()
    if project is None or project.archived_at not in {None, archived_at}:
        raise ProjectNotFoundError(gettext("There is no such project."))
    if project.archived_at is None:
        return project
    project.archived_at = None
    project.save(update_fields=["archived_at"])
    gone_with_it = project.api_keys.filter(
        revoked_at=archived_at, created_by__in=tenant.members.values("user")
    )
    keys = gone_with_it.update(revoked_at=None)
    words = f"{project.name}, with {keys} keys"
    note_act("project.restored", tenant_id=tenant.pk, about=project, words=words)
    transaction.on_commit(publish_key_policies, robust=True)
    return project
