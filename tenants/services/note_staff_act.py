"""Write an act upon what serves all tenants into the staff log."""

from django.db import models

from tenants.audit_models import WORDS_CHARACTERS_MAX, StaffEntry
from tenants.domain.actors import acting


def note_staff_act(action: str, *, about: models.Model, words: str) -> None:
    """As `note_act`, in the transaction of the act; an act upon one tenant's things is
    written there.
    """
    actor = acting()
    StaffEntry.objects.create(
        actor_kind=actor.kind.value,
        actor_id=actor.id,
        actor_name=actor.name,
        action=action,
        about_id=str(about.pk),
        words=words[:WORDS_CHARACTERS_MAX],
    )
