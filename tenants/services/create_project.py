"""Divide a tenant once more: a project, with keys and use of its own."""

from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils.translation import gettext

from tenants.domain.names import NAME_CHARACTERS_MAX, clean_name
from tenants.errors import (
    InvalidNameError,
    ProjectNameTakenError,
    TooManyProjectsError,
)
from tenants.models import Project, Tenant
from tenants.services.note_act import note_act

PROJECTS_MAX = 200
"""Per tenant, archived ones included: rollups and pages list them all."""


@transaction.atomic
def create_project(*, tenant: Tenant, name: str, now: datetime) -> Project:
    """Raises InvalidNameError, ProjectNameTakenError and TooManyProjectsError."""
    cleaned = checked_project_name(name)
    Tenant.objects.select_for_update(no_key=True).get(pk=tenant.pk)
    if tenant.projects.count() >= PROJECTS_MAX:
        raise TooManyProjectsError(
            gettext("A tenant has at most %(PROJECTS_MAX)s projects.")
            % {"PROJECTS_MAX": PROJECTS_MAX}
        )
    try:
        with transaction.atomic():
            project = Project.objects.create(
                tenant=tenant, name=cleaned, created_at=now
            )
    except IntegrityError:
        raise name_taken(cleaned) from None
    note_act("project.created", tenant_id=tenant.pk, about=project, words=cleaned)
    return project


def checked_project_name(name: str) -> str:
    cleaned = clean_name(name)
    if cleaned is None:
        raise InvalidNameError(
            gettext(
                "A project's name has 1 to %(NAME_CHARACTERS_MAX)s printable"
                " characters."
            )
            % {"NAME_CHARACTERS_MAX": NAME_CHARACTERS_MAX}
        )
    return cleaned


def name_taken(name: str) -> ProjectNameTakenError:
    return ProjectNameTakenError(f"There is a project {name} already.")
