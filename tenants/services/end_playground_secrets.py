"""A member left the playground: the secret of its page dies before its time."""

from datetime import datetime

from django.db import transaction

from tenants.models import ApiKey, User
from tenants.services.publish_key_policies import publish_key_policies


@transaction.atomic
def end_playground_secrets(*, user: User, now: datetime) -> bool:
    """True if any of the user's lived, in whichever tenant. Their keys stay, for the
    next visit.
    """
    living = ApiKey.objects.filter(
        created_by=user, is_of_playground=True, revoked_at=None, expires_at__gt=now
    )
    has_ended = living.update(expires_at=now) > 0
    if has_ended:
        transaction.on_commit(publish_key_policies, robust=True)
    return has_ended
