"""What ends when a person signs out."""

from django.contrib.auth.signals import user_logged_out
from django.dispatch import receiver
from django.utils import timezone

from tenants.models import User
from tenants.services.end_playground_secrets import end_playground_secrets


@receiver(user_logged_out)
def end_secrets(sender: object, user: User | None, **rest: object) -> None:
    """Those that pages of theirs hold. `user` is None where nobody was signed in."""
    del sender, rest
    if user is not None:
        end_playground_secrets(user=user, now=timezone.now())
