"""Set for how long the texts of a project's calls are kept, or that they are not."""

from django.db import transaction
from django.utils.translation import gettext

from tenants.domain.limits import TEXT_RETENTION_DAYS_MAX
from tenants.errors import InvalidRetentionError, ProjectNotFoundError
from tenants.models import Project
from tenants.services.note_act import note_act
from tenants.services.publish_key_policies import publish_key_policies


@transaction.atomic
def set_text_retention(*, project_id: int, tenant_id: int, days: int | None) -> bool:
    """True if it changed anything, and then the data plane is told at commit. None: no
    text is kept, and metering forgets those it has.

    Raises ProjectNotFoundError and InvalidRetentionError.
    """
    if days is not None and not 0 < days <= TEXT_RETENTION_DAYS_MAX:
        raise InvalidRetentionError(
            gettext("Texts are kept for 1 to %(TEXT_RETENTION_DAYS_MAX)s days.")
            % {"TEXT_RETENTION_DAYS_MAX": TEXT_RETENTION_DAYS_MAX}
        )
    project = (
        Project.objects.select_for_update()
        .filter(pk=project_id, tenant_id=tenant_id)
        .first()
    )
    if project is None:
        raise ProjectNotFoundError(gettext("There is no such project."))
    if project.text_retention_days == days:
        return False
    project.text_retention_days = days
    project.save(update_fields=["text_retention_days"])
    note_act(
        "project.text_retention_set",
        tenant_id=tenant_id,
        about=project,
        words=f"{project.name}: {f'{days} days' if days else 'not kept'}",
    )
    transaction.on_commit(publish_key_policies, robust=True)
    return True
