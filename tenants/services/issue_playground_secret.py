"""A secret for one member's playground: for minutes, in place of the last."""

from datetime import datetime, timedelta

from django.db import transaction

from tenants.domain import api_keys
from tenants.domain.names import NAME_CHARACTERS_MAX
from tenants.models import ApiKey, Project, User
from tenants.services.issue_api_key import (
    IssuedKey,
    issue_api_key,
    lock_for_new_secret,
)
from tenants.services.note_act import note_act
from tenants.services.publish_key_policies import publish_key_policies

TTL = timedelta(minutes=15)
"""A page that is still in use asks for another one."""
REQUESTS_PER_MINUTE = 60
"""A person's pace, and all that a stolen secret could do."""


@transaction.atomic
def issue_playground_secret(
    *, project: Project, user: User, now: datetime
) -> IssuedKey:
    """The member's own key of the project gets a new secret and TTL more to live; the
    secret before stops working within a second. A key that was revoked stays so: the
    member gets another one.

    Raises PaymentOverdueError, TenantSuspendedError and TooManyApiKeysError.
    """
    lock_for_new_secret(project.tenant_id)
    api_key = ApiKey.objects.filter(
        project=project, created_by=user, is_of_playground=True, revoked_at=None
    ).first()
    if api_key is None:
        return issue_api_key(
            project=project,
            name=f"Playground of {user.email}"[:NAME_CHARACTERS_MAX],
            created_by=user,
            now=now,
            expires_at=now + TTL,
            requests_per_minute=REQUESTS_PER_MINUTE,
            is_of_playground=True,
        )
    secret = api_keys.make("live")
    api_key.prefix = api_keys.shown_prefix(secret)
    api_key.digest = api_keys.digest(secret)
    api_key.expires_at = now + TTL
    api_key.save(update_fields=["prefix", "digest", "expires_at"])
    note_act(
        "playground.opened",
        tenant_id=project.tenant_id,
        about=api_key,
        words=f"{api_key.name}: a new secret ({api_key.prefix}…)",
    )
    transaction.on_commit(publish_key_policies, robust=True)
    return IssuedKey(api_key=api_key, secret=secret)
