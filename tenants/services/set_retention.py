"""Set how a project's conversations are leased where a call says nothing of it."""

from django.db import transaction
from django.utils.translation import gettext

from tenants.domain.limits import KV_TIMEOUT_SECONDS_MAX
from tenants.errors import InvalidRetentionError, ProjectNotFoundError
from tenants.models import Project
from tenants.services.note_act import note_act
from tenants.services.publish_key_policies import publish_key_policies
from tenants.wire import Retention


@transaction.atomic
def set_retention(*, project_id: int, tenant_id: int, retention: Retention) -> bool:
    """True if it changed anything, and then the data plane is told at commit.

    Raises ProjectNotFoundError and InvalidRetentionError.
    """
    seconds = retention.timeout_seconds
    if seconds is not None and not 0 < seconds <= KV_TIMEOUT_SECONDS_MAX:
        raise InvalidRetentionError(gettext("A lease lasts for a second to a day."))
    project = (
        Project.objects.select_for_update()
        .filter(pk=project_id, tenant_id=tenant_id)
        .first()
    )
    if project is None:
        raise ProjectNotFoundError(gettext("There is no such project."))
    if project.retention == retention:
        return False
    project.kv_timeout_seconds = seconds
    project.kv_tier = retention.tier.value
    project.kv_on_full = retention.on_full.value
    project.honours_cache_hints = retention.honours_cache_hints
    project.save()
    note_act(
        "project.retention_set",
        tenant_id=tenant_id,
        about=project,
        words=f"{project.name}: {f'{seconds} s' if seconds else 'where a call asks'}",
    )
    transaction.on_commit(publish_key_policies, robust=True)
    return True
