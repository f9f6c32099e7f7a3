"""Whose limits: a tenant's, a project's or a key's."""

from typing import Any

from django.db import transaction

from tenants.models import ApiKey, Project, Tenant

Subject = Tenant | Project | ApiKey


def columns_of(subject: Subject) -> dict[str, Any]:
    """The columns by which a row is the subject's."""
    project_id = subject.pk if isinstance(subject, Project) else None
    api_key_id = subject.pk if isinstance(subject, ApiKey) else None
    return {
        "tenant_id": tenant_id_of(subject),
        "project_id": project_id,
        "api_key_id": api_key_id,
    }


def tenant_id_of(subject: Subject) -> int:
    return subject.pk if isinstance(subject, Tenant) else subject.tenant_id


def words_of(subject: Subject) -> str:
    """As the audit log calls it."""
    if isinstance(subject, Tenant):
        return "the whole tenant"
    what = "the project" if isinstance(subject, Project) else "the key"
    return f"{what} {subject.name}"


def lock_subject(subject: Subject) -> None:
    """One change of a tenant's limits after the other, until the transaction ends."""
    assert transaction.get_connection().in_atomic_block  # noqa: S101  else no lock
    Tenant.objects.select_for_update(no_key=True).get(pk=tenant_id_of(subject))
