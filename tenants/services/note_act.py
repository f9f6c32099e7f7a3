"""Write an act into the tenant's audit log, with whoever does it."""

from django.db import models

from tenants.audit_models import WORDS_CHARACTERS_MAX, AuditEntry
from tenants.domain.actors import acting


def note_act(action: str, *, tenant_id: int, about: models.Model, words: str) -> None:
    """In the transaction of the act, so that there is neither without the other.

    `action` is what was done to what (`api_key.issued`); `words` are for people, and
    no secret. Who acts is known from where the call came in.
    """
    actor = acting()
    times = {} if actor.at is None else {"at": actor.at}
    AuditEntry.objects.create(
        tenant_id=tenant_id,
        actor_kind=actor.kind.value,
        actor_id=actor.id,
        actor_name=actor.name,
        action=action,
        about_id=str(about.pk),
        words=words[:WORDS_CHARACTERS_MAX],
        **times,
    )
